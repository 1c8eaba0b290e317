//! Clients' certificates: whose are let in.

use rustls::AlertDescription;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wagroups::config::ClientAuth;
use wagroups::server::Server;

use super::authority::{Authority, Pair};
use super::secured::{Client, Secured, asking_clients, settings};

/// What the service says to a client that shows this.
async fn alert(service: &Secured, shown: Option<&Pair>) -> Option<AlertDescription> {
    let client = match shown {
        Some(pair) => {
            let files = pair.write(service.dir.path(), "client");
            Client::showing(&service.authority, &service.dir, &files)
        }
        None => Client::trusting(&service.authority, &service.dir),
    };
    client.judged(service.grpc(), "localhost").await.err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_certificate_must_be_there_in_its_time_and_of_the_authority() {
    let service = Secured::start_with(asking_clients(ClientAuth::Required)).await;
    let of = &service.authority;
    let stranger = Authority::new("another").certify(&["billing.example"]);
    let for_servers = of.certify_with(&["billing.example"], |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert_eq!(alert(&service, Some(&of.certify(&["billing.example"]))).await, None);
    let refused = [
        (None, AlertDescription::CertificateRequired),
        (Some(of.expired(&["billing.example"])), AlertDescription::CertificateExpired),
        (Some(of.not_yet_valid(&["billing.example"])), AlertDescription::CertificateExpired),
        (Some(stranger), AlertDescription::UnknownCA),
        (Some(for_servers), AlertDescription::BadCertificate),
    ];
    for (at, (shown, expected)) in refused.into_iter().enumerate() {
        let alert = alert(&service, shown.as_ref()).await.expect("it is refused");
        let is_other_word = (alert, expected)
            == (AlertDescription::UnsupportedCertificate, AlertDescription::BadCertificate);
        assert!(alert == expected || is_other_word, "{at}: {alert:?}");
    }
    service.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_optional_certificate_may_be_left_out_and_must_be_good_where_it_is_shown() {
    let service = Secured::start_with(asking_clients(ClientAuth::Optional)).await;
    assert_eq!(alert(&service, None).await, None);
    let good = service.authority.certify(&["billing.example"]);
    assert_eq!(alert(&service, Some(&good)).await, None);
    let expired = service.authority.expired(&["billing.example"]);
    assert_eq!(alert(&service, Some(&expired)).await, Some(AlertDescription::CertificateExpired));
    service.server.stop().await;
}

/// In TLS 1.3 a client has said much by the time that it is judged, and a socket that was closed with that unread breaks
/// what the client writes next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_let_in_reads_why_whatever_it_has_sent_by_then() {
    let service = Secured::start_with(asking_clients(ClientAuth::Required)).await;
    for _ in 0..10 {
        let stream = service.client.stream(service.grpc(), &["h2"]).await;
        let mut stream = stream.expect("the client is done first");
        // The alert is there. A client that writes on, as those of HTTP/2 do, must get to read it, and find no broken
        // pipe before that.
        stream.get_ref().0.peek(&mut [0]).await.expect("an alert");
        for _ in 0..8 {
            stream.write_all(&[0; 4096]).await.expect("it is taken");
            stream.flush().await.expect("it is taken");
        }
        let refused = stream.read_u8().await.expect_err("it is not let in");
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        assert_eq!(wagroups::tls::cause_of(&refused), Some(&alert), "{refused:?}");
    }
    service.server.stop().await;
}

#[tokio::test]
async fn a_service_does_not_start_with_what_nobody_would_trust() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let authority = Authority::new("the service's");
    let refused = async |pair: Pair| {
        let files = pair.write(dir.path(), "refused");
        let settings = settings(&dir, &authority, |settings, _, _| {
            settings.tls.cert_file = Some(files.cert);
            settings.tls.key_file = Some(files.key);
        });
        Server::start(&settings).await.expect_err("it is refused").to_string()
    };
    let expired = refused(authority.expired(&["localhost"])).await;
    assert!(expired.starts_with("tls.cert_file: "), "{expired}");
    assert!(
        expired.ends_with("refused.crt has expired: it was valid until 2021-01-01T00:00:00Z"),
        "{expired}"
    );
    let early = refused(authority.not_yet_valid(&["localhost"])).await;
    assert!(early.contains("is not valid yet: it begins at 2110-01-01"), "{early}");
    let Pair { cert, .. } = authority.certify(&["localhost"]);
    let Pair { key, .. } = authority.certify(&["localhost"]);
    let other = refused(Pair { cert, key }).await;
    assert!(other.starts_with("tls.key_file: ") && other.contains("is not the key"), "{other}");
}
