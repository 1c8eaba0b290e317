use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::domain::clock::Clock as _;
use crate::middleware::ClientCertificate;
use crate::telemetry::SystemClock;
use crate::tls::{ClientAuth, PemFile, Purpose, TlsFiles, TlsSource, Trust, connect_tls};

/// An authority, and the certificates `server` and `client` of it, as files.
fn certificates(dir: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.crt"), authority.pem()).unwrap();
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let of_client = vec![
        dns("billing.example"),
        SanType::URI("spiffe://example/billing".try_into().unwrap()),
        SanType::Rfc822Name("billing@example.org".try_into().unwrap()),
    ];
    for (file, names) in [("server", vec![dns("localhost")]), ("client", of_client)] {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        fs::write(dir.join(format!("{file}.crt")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}

/// A listener that asks for certificates, and answers what it knows of its client.
async fn telling(dir: &Path, closing: CancellationToken) -> SocketAddr {
    let files = TlsFiles {
        cert: PemFile::new("tls.cert_file", dir.join("server.crt")),
        key: PemFile::new("tls.key_file", dir.join("server.key")),
        purpose: Purpose::Public(ClientAuth::Optional(PemFile::new(
            "tls.client_ca_file",
            dir.join("ca.crt"),
        ))),
    };
    let source = TlsSource::open(files, SystemClock.now()).unwrap();
    let router = Router::new().fallback(|request: axum::extract::Request| async move {
        let extensions = request.extensions();
        assert!(extensions.get::<Arc<Connection>>().is_some());
        match extensions.get::<ClientCertificate>() {
            Some(shown) => {
                let names: Vec<String> = shown.sans.iter().map(ToString::to_string).collect();
                names.join(" ")
            }
            None => "nobody".to_owned(),
        }
    });
    let protocol = Http1 { router, head_timeout: Duration::from_secs(30), write_timeout: None };
    let bounds = ConnectionBounds {
        listener: "test",
        max_connections: 8,
        head_timeout: Duration::from_secs(30),
        is_shared: false,
        proxies: Arc::default(),
        tls: Some(ListenerTls::new(source.handle())),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, protocol, bounds, closing));
    addr
}

#[tokio::test]
async fn each_request_knows_whom_its_clients_certificate_names() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    certificates(dir);
    let closing = CancellationToken::new();
    let addr = telling(dir, closing.clone()).await;
    let trust = Trust::default().and_of(&dir.join("ca.crt")).unwrap();
    let shown = trust.client_config_as(&dir.join("client.crt"), &dir.join("client.key")).unwrap();
    for (config, expected) in [
        (shown, "dns:billing.example uri:spiffe://example/billing email:billing@example.org"),
        (trust.client_config().unwrap(), "nobody"),
    ] {
        let uri = format!("https://{addr}").parse().unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connect_tls(&uri, Arc::new(config), name).await.unwrap();
        // Two of them on one connection.
        let first = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let last = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(&[&first[..], last].concat()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches(expected).count(), 2, "{answers}");
    }
    closing.cancel();
}
