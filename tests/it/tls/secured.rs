//! A service with TLS, and its clients.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};
use wagroups::config::{ClientAuth, Settings};
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::server::Server;
use wagroups::tls::{Trust, connect_tls};

use super::authority::{Authority, Files};
use crate::harness::service::eventually;

pub struct Secured {
    pub server: Server,
    pub authority: Authority,
    /// Of the files that it is set to.
    pub dir: TempDir,
    pub client: Client,
}

/// Whom a client trusts, and what it shows.
#[derive(Debug, Clone)]
pub struct Client {
    config: ClientConfig,
}

impl Secured {
    pub async fn start() -> Self {
        Self::start_with(|_, _, _| ()).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings, &Authority, &TempDir)) -> Self {
        let dir = TempDir::new().expect("a folder");
        let authority = Authority::new("the service's");
        let settings = settings(&dir, &authority, change);
        let server = Server::start(&settings).await.expect("the service starts");
        let client = Client::trusting(&authority, &dir);
        Self { server, authority, dir, client }
    }

    pub fn grpc(&self) -> SocketAddr {
        self.server.grpc_addr()
    }

    pub fn rest_url(&self) -> String {
        format!("https://{}", self.server.rest_addr().expect("rest.listen is set"))
    }

    pub async fn works(&self, client: &Client) -> Result<(), String> {
        let channel = client.channel(self.grpc()).await.map_err(|error| format!("{error:?}"))?;
        let request = pb::ListSessionsRequest::default();
        let listed = SessionsServiceClient::new(channel).list_sessions(request).await;
        listed.map(drop).map_err(|status| format!("{status:?}"))
    }
}

/// Of a service on SQLite whose public listeners speak TLS.
pub fn settings(
    dir: &TempDir,
    authority: &Authority,
    change: impl FnOnce(&mut Settings, &Authority, &TempDir),
) -> Settings {
    let mut settings = Settings::default();
    let files = authority.certify(&["localhost"]).write(dir.path(), "server");
    settings.database.url =
        format!("sqlite://{}/wagroups.db?mode=rwc", dir.path().display()).as_str().into();
    settings.grpc.listen = "127.0.0.1:0".parse().expect("an address");
    settings.ops.listen = None;
    settings.tls.cert_file = Some(files.cert);
    settings.tls.key_file = Some(files.key);
    change(&mut settings, authority, dir);
    settings
}

/// Clients show certificates of the service's own authority.
pub fn asking_clients(client_auth: ClientAuth) -> impl FnOnce(&mut Settings, &Authority, &TempDir) {
    move |settings, authority, dir| {
        settings.tls.client_auth = client_auth;
        settings.tls.client_ca_file = Some(authority.write(dir.path(), "clients-ca"));
    }
}

impl Client {
    pub fn trusting(authority: &Authority, dir: &TempDir) -> Self {
        let trust = trust(authority, dir);
        Self { config: trust.client_config().expect("a configuration") }
    }

    pub fn showing(authority: &Authority, dir: &TempDir, files: &Files) -> Self {
        Self::showing_to(&authority.write(dir.path(), "trusted-ca"), files)
    }

    /// To a server of an authority in this file.
    pub fn showing_to(authorities: &Path, files: &Files) -> Self {
        let trust = Trust::default().and_of(authorities).expect("authorities");
        let config = trust.client_config_as(&files.cert, &files.key).expect("a configuration");
        Self { config }
    }

    /// The same with one version of TLS.
    pub fn speaking(
        &self,
        version: &'static SupportedProtocolVersion,
        authority: &Authority,
    ) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let pem = authority.pem();
        let certificate = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(pem.as_bytes());
        roots.add(certificate.expect("a certificate")).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { config }
    }

    pub fn config(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut config = self.config.clone();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    pub async fn channel(&self, addr: SocketAddr) -> Result<Channel, tonic::transport::Error> {
        let config = self.config(&["h2"]);
        let connector = tower::service_fn(move |uri: Uri| {
            let config = config.clone();
            async move {
                let name = ServerName::try_from("localhost").expect("a name");
                connect_tls(&uri, config, name).await.map(TokioIo::new)
            }
        });
        let endpoint = Endpoint::from_shared(format!("https://{addr}")).expect("an address");
        endpoint.connect_with_connector(connector).await
    }

    pub async fn groups(&self, addr: SocketAddr) -> GroupsServiceClient<Channel> {
        GroupsServiceClient::new(self.channel(addr).await.expect("a connection"))
    }

    pub async fn stream(
        &self,
        addr: SocketAddr,
        alpn: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let uri = format!("https://{addr}").parse().expect("an address");
        let name = ServerName::try_from("localhost").expect("a name");
        connect_tls(&uri, self.config(alpn), name).await
    }

    /// What the server says to us, before we have said anything.
    pub async fn judged(&self, addr: SocketAddr, name: &str) -> Result<(), AlertDescription> {
        let uri = format!("https://{addr}").parse().expect("an address");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let judged = match connect_tls(&uri, self.config(&["h2"]), name).await {
            Ok(mut stream) => stream.read_u8().await.map(drop),
            Err(error) => Err(error),
        };
        judged.map_err(|error| match wagroups::tls::cause_of(&error) {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            other => panic!("{other:?}: {error:?}"),
        })
    }

    pub fn http(&self) -> reqwest::Client {
        let config = ClientConfig::clone(&self.config(&["http/1.1"]));
        reqwest::Client::builder().tls_backend_preconfigured(config).build().expect("a client")
    }
}

fn trust(authority: &Authority, dir: &TempDir) -> Trust {
    Trust::default().and_of(&authority.write(dir.path(), "trusted-ca")).expect("an authority")
}

/// Makes a group of session `default`, once that works; answers its id.
pub async fn make_group(groups: &GroupsServiceClient<Channel>, subject: &str) -> String {
    let made = eventually("the session works", || async {
        let request = pb::CreateGroupRequest {
            session: "default".into(),
            subject: subject.into(),
            ..Default::default()
        };
        groups.clone().create_group(request).await.ok()
    });
    made.await.into_inner().group.expect("a group").id
}
