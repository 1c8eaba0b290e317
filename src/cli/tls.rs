//! TLS as the client speaks it: its flags, and what is wrong where no connection comes about, in words.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error};
use tonic::transport::{Channel, Endpoint};

use super::errors::Failure;
use super::format::HEADING;
use super::text;
use crate::domain::clock::Timestamp;
use crate::domain::error::causes;
use crate::tls::{Trust, cause_of, connect_tls, let_in, without_brackets};

/// How long a server that has not said anything yet may still refuse our certificate. Ours speak first; some proxies do
/// not.
const UNTIL_LET_IN: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Default, Args)]
pub struct TlsOptions {
    /// Trust the authorities of this PEM file as well, for https://
    #[arg(long, global = true, help_heading = HEADING, env = "WAGROUPS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Show the service this certificate, a PEM file; with --key
    #[arg(long, global = true, help_heading = HEADING, env = "WAGROUPS_CERT_FILE", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// The key of --cert, a PEM file
    #[arg(long, global = true, help_heading = HEADING, env = "WAGROUPS_KEY_FILE", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The name that the service's certificate must have, where it is not the address's
    #[arg(long, global = true, help_heading = HEADING, env = "WAGROUPS_SERVER_NAME", value_name = "NAME")]
    pub server_name: Option<String>,
}

impl TlsOptions {
    /// What was given that needs TLS.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            ("--ca-file (WAGROUPS_CA_FILE)", self.ca_file.is_some()),
            ("--cert (WAGROUPS_CERT_FILE)", self.cert.is_some()),
            ("--key (WAGROUPS_KEY_FILE)", self.key.is_some()),
            ("--server-name (WAGROUPS_SERVER_NAME)", self.server_name.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    fn config(&self) -> Result<ClientConfig, Failure> {
        let mut trust = Trust::default();
        if let Some(file) = &self.ca_file {
            trust =
                trust.and_of(file).map_err(|what| Failure::Usage(format!("--ca-file: {what}")))?;
        }
        let mut config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => trust
                .client_config_as(cert, key)
                .map_err(|what| Failure::Usage(format!("--cert, --key: {what}")))?,
            (None, None) => {
                trust.client_config().map_err(|error| Failure::Local(error.to_string()))?
            }
            (Some(_), None) => {
                return Err(Failure::Usage("--cert needs --key, its key".to_owned()));
            }
            (None, Some(_)) => {
                return Err(Failure::Usage("--key needs --cert, its certificate".to_owned()));
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    fn name(&self, address: &Uri) -> Result<ServerName<'static>, Failure> {
        let host = without_brackets(address.host().unwrap_or_default());
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let refused = format!("{name:?} is no name that a certificate could have; --server-name");
        ServerName::try_from(name).map_err(|_| Failure::Usage(refused))
    }
}

/// Connects; an error says by [`explain`] what is wrong.
pub async fn connect(
    endpoint: &Endpoint,
    options: &TlsOptions,
) -> Result<Result<Channel, tonic::transport::Error>, Failure> {
    let (config, name) = (Arc::new(options.config()?), options.name(endpoint.uri())?);
    let connector = tower::service_fn(move |address: Uri| {
        let (config, name) = (config.clone(), name.clone());
        async move {
            let stream = connect_tls(&address, config, name).await?;
            let_in(stream, UNTIL_LET_IN).await.map(TokioIo::new)
        }
    });
    Ok(endpoint.connect_with_connector(connector).await)
}

/// What is wrong with the TLS of a connection that did not come about; none where it is something else.
pub fn explain(addr: &str, error: &(dyn StdError + 'static)) -> Option<String> {
    match cause_of(error) {
        Some(error) => Some(in_words(addr, error)),
        None => {
            let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
            let is_cut = io.is_some_and(|error| {
                matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
                )
            });
            is_cut.then(|| {
                format!(
                    "{addr} has closed the connection in the handshake of TLS; perhaps it does not speak TLS: then \
                     give http:// instead"
                )
            })
        }
    }
}

fn in_words(addr: &str, error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => of_certificate(addr, error),
        Error::InvalidMessage(_) => {
            format!("{addr} does not speak TLS; if that is meant, give http:// instead of https://")
        }
        Error::NoApplicationProtocol
        | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => format!(
            "{addr} speaks TLS and no gRPC: --addr is gRPC's port, 50051 by default, and not the one of REST, webhooks or \
             metrics"
        ),
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            format!("{addr} and this client have no version or cipher of TLS in common: {error}")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => format!(
            "{addr} wants to see a certificate: --cert and --key name one, WAGROUPS_CERT_FILE and WAGROUPS_KEY_FILE do, too"
        ),
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            format!("{addr} refuses the certificate of --cert: it has expired, or is not valid yet")
        }
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            format!("{addr} refuses the certificate of --cert: it does not trust its authority")
        }
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::AccessDenied,
        ) => format!("{addr} refuses the certificate of --cert: {error}"),
        other => format!("no connection with TLS to {addr}: {other}"),
    }
}

fn of_certificate(addr: &str, error: &CertificateError) -> String {
    let moment = |time: &UnixTime| {
        Timestamp::from_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    };
    let of = format!("the certificate of {addr}");
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("{of} has expired: it was valid until {}", moment(not_after))
        }
        CertificateError::Expired => format!("{of} has expired"),
        CertificateError::NotValidYetContext { not_before, time } => format!(
            "{of} is not valid yet: it begins at {}, and this machine's clock says {}",
            moment(not_before),
            moment(time)
        ),
        CertificateError::NotValidYet => format!("{of} is not valid yet"),
        CertificateError::UnknownIssuer => format!(
            "{of} is of an authority that is not trusted here; --ca-file or WAGROUPS_CA_FILE names a PEM file with it"
        ),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "{of} is for {}, and not for {}; give the address that it is for, or --server-name",
            text::safe(&presented.join(", ")),
            expected.to_str()
        ),
        CertificateError::NotValidForName => {
            format!("{of} is for another name; give the address that it is for, or --server-name")
        }
        other => format!("{of} cannot be used: {other}"),
    }
}
