//! What the listeners show of themselves, from the files that the settings name, and how it follows them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;

use super::startup::StartError;
use crate::config::{self, Settings};
use crate::domain::clock::{Clock, Timestamp};
use crate::telemetry::{self, SystemClock};
use crate::tls::{ClientAuth, Look, PemFile, Purpose, TlsFiles, TlsHandle, TlsSource};

/// How often the files are looked at. Kubernetes itself takes up to a minute or so until a Secret that has changed is in
/// a pod's files.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is in force; none where there is no TLS.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsOfListeners {
    /// Of those that callers reach.
    pub public: Option<TlsHandle>,
    /// Of the one between replicas.
    pub peers: Option<TlsHandle>,
}

/// The files, to be followed.
#[derive(Debug)]
pub(super) struct Followed {
    source: TlsSource,
    listeners: Vec<&'static str>,
}

impl Followed {
    fn open(
        files: TlsFiles,
        listeners: Vec<&'static str>,
        now: Timestamp,
    ) -> Result<Self, StartError> {
        let source = TlsSource::open(files, now).map_err(StartError::other)?;
        let followed = Self { source, listeners };
        followed.report();
        Ok(followed)
    }

    fn expires(&self) -> Timestamp {
        self.source.handle().get().expires
    }

    fn report(&self) {
        for listener in &self.listeners {
            telemetry::certificate_expires(listener, self.expires());
        }
    }

    fn look(&mut self, now: Timestamp) {
        match self.source.look(now) {
            Look::Unchanged => {}
            Look::Renewed => {
                let expires = self.expires();
                tracing::info!(listeners = self.listeners.join(","), %expires, "a new certificate is in force");
                self.report();
            }
            Look::Refused(why) => tracing::warn!(
                listeners = self.listeners.join(","),
                "the certificate of before stays in force, as its files hold what cannot be used: {why}"
            ),
        }
    }
}

/// Refuses to start with files that cannot be used.
pub(super) fn open(
    settings: &Settings,
    clock: &dyn Clock,
) -> Result<(TlsOfListeners, Vec<Followed>), StartError> {
    let now = clock.now();
    let mut tls = TlsOfListeners::default();
    let mut followed = Vec::new();
    if let Some(files) = public_files(settings) {
        let optional = [
            ("rest", settings.rest.listen.is_some()),
            ("webhook", settings.waha_ingress.listen.is_some()),
            ("ops", settings.ops.tls && settings.ops.listen.is_some()),
        ];
        let mut listeners = vec!["grpc"];
        listeners.extend(optional.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name));
        let public = Followed::open(files, listeners, now)?;
        tls.public = Some(public.source.handle());
        followed.push(public);
    }
    if let Some(files) = files_of_peers(settings)? {
        let peers = Followed::open(files, vec!["cluster"], now)?;
        tls.peers = Some(peers.source.handle());
        followed.push(peers);
    }
    Ok((tls, followed))
}

/// Whether the service would start with the files that the settings name.
pub fn check_tls(settings: &Settings) -> Result<(), StartError> {
    open(settings, &SystemClock).map(drop)
}

fn public_files(settings: &Settings) -> Option<TlsFiles> {
    let tls = &settings.tls;
    let ca = || tls.client_ca_file.clone().map(|file| PemFile::new("tls.client_ca_file", file));
    let client_auth = match tls.client_auth {
        config::ClientAuth::None => None,
        config::ClientAuth::Optional => ca().map(ClientAuth::Optional),
        config::ClientAuth::Required => ca().map(ClientAuth::Required),
    };
    Some(TlsFiles {
        cert: PemFile::new("tls.cert_file", tls.cert_file.clone()?),
        key: PemFile::new("tls.key_file", tls.key_file.clone()?),
        purpose: Purpose::Public(client_auth.unwrap_or(ClientAuth::None)),
    })
}

fn files_of_peers(settings: &Settings) -> Result<Option<TlsFiles>, StartError> {
    let cluster = &settings.cluster;
    let file =
        |setting, file: &Option<PathBuf>| file.clone().map(|file| PemFile::new(setting, file));
    let files = (
        file("cluster.cert_file", &cluster.cert_file),
        file("cluster.key_file", &cluster.key_file),
        file("cluster.ca_file", &cluster.ca_file),
    );
    let (Some(cert), Some(key), Some(ca)) = files else { return Ok(None) };
    let purpose = Purpose::Peers { ca, server_name: name_of_peers(settings)? };
    Ok(Some(TlsFiles { cert, key, purpose }))
}

/// The name that the certificate of every replica has.
pub(super) fn name_of_peers(settings: &Settings) -> Result<ServerName<'static>, StartError> {
    ServerName::try_from(settings.cluster.server_name.clone())
        .map_err(|error| StartError::other(format!("cluster.server_name: {error}")))
}

/// Lets new handshakes be made with what the files hold, until `closing`.
pub(super) async fn follow(mut followed: Vec<Followed>, closing: CancellationToken) {
    while !followed.is_empty() {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = closing.cancelled() => return,
        }
        // Files may lie on a network.
        let looked = tokio::task::spawn_blocking(move || {
            let now = SystemClock.now();
            followed.iter_mut().for_each(|each| each.look(now));
            followed
        });
        followed = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                tracing::error!(%error, "certificates are no longer followed; restart the service");
                return;
            }
        };
    }
}

/// Says once which listeners are reached from other machines without TLS, and how to set it.
pub(super) fn warn_of_plain_listeners(settings: &Settings) {
    let is_outside =
        |listen: Option<SocketAddr>| listen.is_some_and(|addr| !addr.ip().is_loopback());
    let public = [
        ("grpc.listen", Some(settings.grpc.listen)),
        ("rest.listen", settings.rest.listen),
        ("waha_ingress.listen", settings.waha_ingress.listen),
    ];
    let mut plain = Vec::new();
    if !settings.tls.is_on() {
        plain
            .extend(public.iter().filter(|(_, listen)| is_outside(*listen)).map(|(name, _)| *name));
    }
    if !settings.cluster.has_tls() && is_outside(settings.cluster.listen) {
        plain.push("cluster.listen");
    }
    if !plain.is_empty() {
        tracing::warn!(
            listeners = plain.join(","),
            "reached from other machines without TLS: keys and groups can be read on the way; set tls.cert_file and \
             tls.key_file (and cluster.cert_file, cluster.key_file, cluster.ca_file between replicas), or let a proxy \
             in front speak TLS and reach these by a network of its own (docs/TLS.md)"
        );
    }
}
