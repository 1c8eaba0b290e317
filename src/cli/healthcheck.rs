//! `wagroups healthcheck`: for containers and scripts, which look at the exit code.

use std::time::Duration;

use clap::Args;
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::effect::Effect;
use super::errors::Failure;
use super::output::Output;
use super::tls::TlsOptions;
use super::{Done, connect, text};

#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where the service listens
    #[arg(long, env = "WAGROUPS_ADDR", default_value = connect::DEFAULT_ADDR, value_name = "URL")]
    addr: String,
    /// One service, such as wagroups.v1.GroupsService; the whole unless given
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    service: String,
    /// How long to wait for the answer
    #[arg(long, default_value = "3s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    tls: TlsOptions,
}

/// Needs no key: health is open to everyone.
pub async fn run(args: HealthcheckArgs, output: Output) -> Result<Done, Failure> {
    let channel = connect::channel(&args.addr, args.timeout, &args.tls).await?;
    let mut request = Request::new(HealthCheckRequest { service: args.service });
    request.set_timeout(args.timeout);
    let answer = HealthClient::new(channel).check(request).await;
    let answer = answer.map_err(|status| Failure::refused(status, Effect::Read))?;
    match answer.get_ref().status() {
        ServingStatus::Serving => {
            output.line("serving")?;
            Ok(Done::Fully)
        }
        other => {
            let status = text::enum_words(other.as_str_name(), "");
            Err(Failure::NotServing(format!("{} answers: {status}", args.addr)))
        }
    }
}
