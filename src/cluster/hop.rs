//! The way from one replica to another: its connection, and what goes with a call beside what its client has sent.

use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderValue, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint};

use super::CLIENT_CERTIFICATE;
use crate::middleware::ClientCertificate;
use crate::tls::{TlsHandle, connect_tls, let_in};

/// How replicas show each other who they are.
#[derive(Debug, Clone)]
pub struct PeerTls {
    pub handle: TlsHandle,
    /// The name that the certificate of each of them has.
    pub name: ServerName<'static>,
}

/// Opens a connection: with TLS by what is in force at this moment.
pub(super) async fn open(
    endpoint: Endpoint,
    tls: Option<&PeerTls>,
    patience: Duration,
) -> Result<Channel, tonic::transport::Error> {
    let Some(tls) = tls else { return endpoint.connect().await };
    let tls = tls.clone();
    let connector = tower::service_fn(move |address: Uri| {
        let (config, name) = (tls.handle.get().peer.clone(), tls.name.clone());
        async move {
            let config =
                config.ok_or_else(|| std::io::Error::other("no certificate of a replica"))?;
            let stream = connect_tls(&address, config, name).await?;
            let_in(stream, patience).await.map(TokioIo::new)
        }
    });
    endpoint.connect_with_connector(connector).await
}

/// Tells the owner whom the client's certificate names, in place of whatever the client itself says of it.
pub(super) fn tell_certificate(extensions: &Extensions, headers: &mut HeaderMap) {
    headers.remove(CLIENT_CERTIFICATE);
    let shown = extensions.get::<ClientCertificate>();
    let names = shown.and_then(|shown| serde_json::to_string(&*shown.sans).ok());
    if let Some(names) = names.and_then(|names| HeaderValue::try_from(names).ok()) {
        headers.insert(CLIENT_CERTIFICATE, names);
    }
}

/// The certificate of the call's client, in place of the replica's own.
pub(super) fn take_certificate(headers: &mut HeaderMap, extensions: &mut Extensions) {
    extensions.remove::<ClientCertificate>();
    let told = headers.remove(CLIENT_CERTIFICATE);
    let names = told.and_then(|names| serde_json::from_slice(names.as_bytes()).ok());
    if let Some(names) = names {
        extensions.insert(ClientCertificate::new(names));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str]) -> ClientCertificate {
        ClientCertificate::new(names.iter().map(|name| name.parse().unwrap()).collect())
    }

    #[test]
    fn the_owner_learns_whom_the_clients_certificate_names() {
        let certificate = shown(&["dns:a.example", "uri:spiffe://x/\"y", "email:me@a.example"]);
        let (mut here, mut there) = (Extensions::new(), Extensions::new());
        here.insert(certificate.clone());
        // The replica's own, which says nothing of the caller.
        there.insert(shown(&["dns:wagroups"]));
        let mut headers = HeaderMap::new();
        tell_certificate(&here, &mut headers);
        take_certificate(&mut headers, &mut there);
        assert_eq!(there.get(), Some(&certificate));
        assert!(headers.is_empty());
    }

    #[test]
    fn what_a_client_says_of_itself_by_that_name_counts_for_nothing() {
        let mut headers = HeaderMap::new();
        headers.insert(CLIENT_CERTIFICATE, HeaderValue::from_static("[\"dns:admin.example\"]"));
        tell_certificate(&Extensions::new(), &mut headers);
        let mut there = Extensions::new();
        there.insert(shown(&["dns:wagroups"]));
        take_certificate(&mut headers, &mut there);
        assert_eq!(there.get::<ClientCertificate>(), None);
        headers.insert(CLIENT_CERTIFICATE, HeaderValue::from_static("[\"no name\"]"));
        take_certificate(&mut headers, &mut there);
        assert_eq!(there.get::<ClientCertificate>(), None);
    }
}
