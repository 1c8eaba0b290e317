//! A WAHA server behind HTTPS, whose certificate is of an authority of the operator's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use wagroups::pb;

use super::scene::Scene;
use crate::harness::service::eventually;
use crate::waha_server::{Options, WahaServer};

const ANNA: &str = "4915120000001@c.us";

fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/waha/certificates")
}

/// Takes TLS off what comes, and hands it on. Answers where it listens.
async fn terminate_before(server: &WahaServer) -> SocketAddr {
    let certificate = CertificateDer::pem_file_iter(certificates().join("server.pem"));
    let certificate = certificate.expect("a file").collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(certificates().join("server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certificate, key)
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let inner: SocketAddr = server.url().trim_start_matches("http://").parse().expect("an address");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not trust us hangs up; that is what one of the tests is about.
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let mut inside = TcpStream::connect(inner).await.expect("the server");
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    address
}

/// A scene whose service reaches its server by HTTPS.
async fn encrypted(ca_file: Option<PathBuf>) -> Scene {
    let whatsapp = crate::waha_server::Whatsapp::new().await;
    let server = WahaServer::start(&whatsapp, Options::default()).await;
    let address = terminate_before(&server).await;
    Scene::of(whatsapp, vec![server], 500, |settings| {
        settings.waha.servers[0].url =
            format!("https://localhost:{}", address.port()).parse().expect("a URL");
        settings.outbound.ca_file = ca_file;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_events_come_by_https_of_an_own_authority() {
    let scene = encrypted(Some(certificates().join("authority.pem"))).await;
    scene.working("shop").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    eventually("the stream is open", || async {
        (scene.server().websocket_count() == 1).then_some(())
    })
    .await;
    scene.others_rename(ANNA, &group_id, "Told").await;
    scene.until_subject("shop", &group_id, "Told").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_an_unknown_authority_is_not_believed() {
    let scene = encrypted(None).await;
    scene.server().add_session("shop").await;
    scene.create("shop", Some(0)).await.expect("a session");
    let session = scene.until("shop", pb::SessionStatus::Failed).await;
    assert!(session.status_reason.contains("certificate that is not trusted"), "{session:?}");
    assert!(scene.server().requests().is_empty(), "the key was not shown to it");
}
