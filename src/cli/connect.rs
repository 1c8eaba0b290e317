//! The way to a service: its address, the key, the deadlines.

use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::errors::Failure;
use super::format::{FormatOptions, HEADING};
use super::tls::{self, TlsOptions};
use crate::domain::error::causes;
use crate::pb::groups_service_client::GroupsServiceClient;
use crate::pb::relay_service_client::RelayServiceClient;
use crate::pb::sessions_service_client::SessionsServiceClient;
use crate::pb::simulator_service_client::SimulatorServiceClient;
use crate::pb::webhooks_service_client::WebhooksServiceClient;

pub const DEFAULT_ADDR: &str = "http://127.0.0.1:50051";

pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Above the 1 MiB at which the service ends a page, for the one element that may exceed it.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone, Args)]
pub struct ClientOptions {
    /// Where the service listens
    #[arg(
        long,
        global = true,
        help_heading = HEADING,
        env = "WAGROUPS_ADDR",
        default_value = DEFAULT_ADDR,
        value_name = "URL"
    )]
    pub addr: String,
    /// The API key; other users of this machine can read flags, so the variable is safer
    #[arg(
        long,
        global = true,
        help_heading = HEADING,
        env = "WAGROUPS_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        value_parser = secret
    )]
    pub api_key: Option<SecretString>,
    /// How long to wait for a connection
    #[arg(
        long,
        global = true,
        help_heading = HEADING,
        default_value = "5s",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    pub connect_timeout: Duration,
    /// How long a call may take, further tries included; 30s unless given, 10m for a refresh, 2m
    /// for setting a picture
    #[arg(
        long,
        global = true,
        help_heading = HEADING,
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub tls: Box<TlsOptions>,
    #[command(flatten)]
    pub format: FormatOptions,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that clap wants")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.to_owned().into())
}

impl ClientOptions {
    /// How long a call may take that is none of the long ones.
    pub fn patience(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }
}

/// Adds the key to each call.
#[derive(Debug, Clone)]
pub struct Authorization(Option<MetadataValue<Ascii>>);

impl Authorization {
    fn new(key: Option<&SecretString>) -> Result<Self, Failure> {
        let Some(key) = key.map(SecretString::expose_secret).filter(|key| !key.is_empty()) else {
            return Ok(Self(None));
        };
        let mut value: MetadataValue<Ascii> = format!("Bearer {key}").parse().map_err(|_| {
            Failure::Usage(
                "the API key holds characters that no key of this service has".to_owned(),
            )
        })?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

pub type Transport = InterceptedService<Channel, Authorization>;

/// A connection that stands, or stood: it is made again by itself when it breaks.
#[derive(Debug, Clone)]
pub struct Connection {
    transport: Transport,
    timeout: Option<Duration>,
}

impl Connection {
    pub async fn open(options: &ClientOptions) -> Result<Self, Failure> {
        let channel = channel(&options.addr, options.connect_timeout, &options.tls).await?;
        let authorization = Authorization::new(options.api_key.as_ref())?;
        let transport = InterceptedService::new(channel, authorization);
        Ok(Self { transport, timeout: options.timeout })
    }

    /// How long a call may take: what the user said, else so long.
    pub fn patience(&self, unless_given: Duration) -> Duration {
        self.timeout.unwrap_or(unless_given)
    }

    pub fn groups(&self) -> GroupsServiceClient<Transport> {
        GroupsServiceClient::new(self.transport.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn sessions(&self) -> SessionsServiceClient<Transport> {
        SessionsServiceClient::new(self.transport.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn webhooks(&self) -> WebhooksServiceClient<Transport> {
        WebhooksServiceClient::new(self.transport.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn relay(&self) -> RelayServiceClient<Transport> {
        RelayServiceClient::new(self.transport.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn simulator(&self) -> SimulatorServiceClient<Transport> {
        SimulatorServiceClient::new(self.transport.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }
}

pub async fn channel(
    addr: &str,
    connect_timeout: Duration,
    tls: &TlsOptions,
) -> Result<Channel, Failure> {
    let url = url_of(addr, tls)?;
    let endpoint = Endpoint::from_shared(url.clone())
        .and_then(|endpoint| {
            endpoint.user_agent(concat!("wagroups-cli/", env!("CARGO_PKG_VERSION")))
        })
        .map_err(|error| {
            Failure::Usage(format!("{addr} is no address of a service: {}", deepest(&error)))
        })?
        .connect_timeout(connect_timeout)
        // A stream that is silent for long would not notice that the service is gone.
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    let no_answer = |cause: String| Failure::NoAnswer { addr: url.clone(), cause };
    let is_https = url.starts_with("https:");
    let connected = async {
        if is_https { tls::connect(&endpoint, tls).await } else { Ok(endpoint.connect().await) }
    };
    match tokio::time::timeout(connect_timeout, connected).await {
        Ok(connected) => connected?.map_err(|error| {
            let about_tls = tls::explain(&url, &error).filter(|_| is_https);
            about_tls.map_or_else(|| no_answer(deepest(&error)), Failure::Tls)
        }),
        Err(_) => Err(no_answer(format!(
            "no connection within {}",
            humantime::format_duration(connect_timeout)
        ))),
    }
}

/// `host:port` is enough. What is only for TLS is never left aside silently.
fn url_of(addr: &str, tls: &TlsOptions) -> Result<String, Failure> {
    match (addr.split_once("://"), tls.given()) {
        (None, None) => Ok(format!("http://{addr}")),
        (None, Some(_)) => Ok(format!("https://{addr}")),
        (Some(("http", _)), Some(flag)) => Err(Failure::Usage(format!(
            "{flag} is for https://, and {addr} would be asked without TLS; give https:// or leave it out"
        ))),
        (Some(("http", _)), None) | (Some(("https", _)), _) => Ok(addr.to_owned()),
        (Some((scheme, _)), _) => Err(Failure::Usage(format!(
            "{addr}: {scheme}:// is not supported; use http://HOST:PORT or https://HOST:PORT"
        ))),
    }
}

/// The error at the bottom of the chain says what happened; those above it say where.
pub fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_port_is_enough_of_an_address() {
        let plain = TlsOptions::default();
        let url_of = |addr: &str, tls: &TlsOptions| super::url_of(addr, tls).ok();
        assert_eq!(url_of("localhost:1", &plain).as_deref(), Some("http://localhost:1"));
        assert_eq!(url_of("http://[::1]:1", &plain).as_deref(), Some("http://[::1]:1"));
        assert_eq!(url_of("https://a", &plain).as_deref(), Some("https://a"));
        assert_eq!(url_of("ftp://a", &plain), None);
        // Whoever names an authority does not want to be without TLS.
        let tls = TlsOptions { ca_file: Some("ca.crt".into()), ..TlsOptions::default() };
        assert_eq!(url_of("localhost:1", &tls).as_deref(), Some("https://localhost:1"));
        assert_eq!(url_of("http://localhost:1", &tls), None);
    }

    #[tokio::test]
    async fn an_address_where_nothing_listens_says_what_to_do() {
        // Bound and dropped: nothing else listens there for now.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let tls = TlsOptions::default();
        let failure = channel(&addr, Duration::from_secs(5), &tls).await;
        let failure = failure.expect_err("nothing listens");
        assert_eq!(failure.exit_code(), 3);
        let shown = failure.to_string();
        assert!(shown.contains(&addr) && shown.contains("wagroups serve"), "{shown}");
    }

    #[test]
    fn an_empty_key_is_no_key_and_a_key_is_not_shown() {
        let empty = Authorization::new(Some(&String::new().into())).expect("no key");
        assert!(empty.0.is_none());
        let key = Authorization::new(Some(&"wag_secret".to_owned().into())).expect("a key");
        assert!(!format!("{key:?}").contains("wag_secret"));
        assert!(matches!(
            Authorization::new(Some(&"a\nb".to_owned().into())),
            Err(Failure::Usage(_))
        ));
    }
}
