//! Clients' certificates: whose are let in.

use rustls::AlertDescription;
use wagroups::config::ClientAuth;
use wagroups::server::Server;
use wagroups::tls::cause_of;

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
    let channel = client.channel(service.grpc()).await;
    let refused: Box<dyn std::error::Error> = match channel {
        Err(error) => error.into(),
        Ok(channel) => {
            let request = wagroups::pb::ListSessionsRequest::default();
            let client = wagroups::pb::sessions_service_client::SessionsServiceClient::new(channel);
            match client.clone().list_sessions(request).await {
                Ok(_) => return None,
                Err(status) => status.into(),
            }
        }
    };
    match cause_of(&*refused) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        other => panic!("{other:?}: {refused:?}"),
    }
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
