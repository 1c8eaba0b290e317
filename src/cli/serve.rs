//! The subcommands that are the service, or look at its database: serve, migrate, config, cluster.

use std::io::Write;
use std::process::ExitCode;

use super::cluster::{self, ClusterCommand};
use super::settings::{ConfigArgs, MigrateArgs, ServeArgs, SettingsArgs};
use crate::config::{Loaded, LogFormat, RenamedSection, Settings, Sources, load};
use crate::server::{Ended, Server, Signals, check_tls, connect, outlive_file_size_limit, trust};
use crate::telemetry;

/// Runs the service until it is to stop, by signals that main has listened for since it began.
pub async fn serve(args: ServeArgs, signals: Option<Signals>) -> ExitCode {
    let Ok(Loaded { settings, renamed, .. }) = settings(&args.settings) else {
        return ExitCode::from(2);
    };
    let json = match settings.log.format {
        LogFormat::Auto => None,
        LogFormat::Text => Some(false),
        LogFormat::Json => Some(true),
    };
    if let Err(error) = telemetry::init_logging(&settings.log.filter, json) {
        eprintln!("wagroups: {error}");
        return ExitCode::from(2);
    }
    for section in renamed {
        tracing::warn!("{section}");
    }
    let mut signals = match signals.map_or_else(Signals::listen, Ok) {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    let started = tokio::select! {
        started = Server::start(&settings) => started,
        _ = signals.next() => return ExitCode::SUCCESS,
    };
    let server = match started {
        Ok(server) => server,
        Err(error) => return failed(&error),
    };
    greet(&settings, &server);
    match server.run_until(signals.next()).await {
        Ended::Stopped => ExitCode::SUCCESS,
        Ended::Failed(cause) => failed(&cause),
    }
}

/// Brings the database's schema up to date.
pub async fn migrate(args: MigrateArgs) -> ExitCode {
    let Ok(Loaded { settings, renamed, .. }) = settings(&args.settings) else {
        return ExitCode::from(2);
    };
    warn(&renamed);
    if let Err(error) = outlive_file_size_limit() {
        return failed(&error);
    }
    // A deployment migrates first: what the service would not start with is to fail while the old one runs.
    if let Err(error) = trust(&settings).map(drop).and_then(|()| check_tls(&settings)) {
        return failed(&error);
    }
    let repository = match connect(&settings).await {
        Ok(repository) => repository,
        Err(error) => return failed(&error),
    };
    let unknown = match repository.migrate().await {
        Ok(unknown) => unknown,
        Err(error) => return failed(&error),
    };
    let database = settings.database.url.redacted();
    if unknown.is_empty() {
        println!("the schema of {database} is up to date");
    } else {
        println!(
            "a newer version has migrated the schema of {database}: {} is unknown to this one, which has all that it \
             needs and can serve",
            unknown.join(", ")
        );
    }
    if args.new_log_id {
        if let Err(error) = repository.new_log_id().await {
            return failed(&error);
        }
        println!("the log has a new id; resume tokens of before are refused with LOG_MISMATCH");
    }
    repository.close().await;
    ExitCode::SUCCESS
}

/// Shows the replicas that share a database.
pub async fn cluster(command: ClusterCommand) -> ExitCode {
    let ClusterCommand::Status(args) = command;
    let Ok(Loaded { settings, renamed, .. }) = settings(&args.settings) else {
        return ExitCode::from(2);
    };
    warn(&renamed);
    match cluster::status(&settings, args.json).await {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// Prints the settings in force and where each came from, without secrets.
pub fn config(args: &ConfigArgs) -> ExitCode {
    let Ok(loaded) = settings(&args.settings) else { return ExitCode::from(2) };
    warn(&loaded.renamed);
    let text = if args.json { loaded.to_json() } else { loaded.to_toml() };
    // Whoever reads this may stop before the end, as `head` does.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn settings(args: &SettingsArgs) -> Result<Loaded, ()> {
    let sources = Sources {
        file: args.config.clone(),
        environment: std::env::vars().filter(|(name, _)| name.starts_with("WAGROUPS_")).collect(),
        set: args.set.clone(),
        flags: args.named(),
    };
    load(&sources).map_err(|problems| {
        eprintln!("wagroups: {} of the settings cannot be used:", problems.len());
        for problem in problems {
            eprintln!("  {problem}");
        }
    })
}

/// Warns of old names where there is no log that could have it.
fn warn(renamed: &[RenamedSection]) {
    for section in renamed {
        let _ = writeln!(std::io::stderr(), "wagroups: warning: {section}");
    }
}

fn failed(cause: &dyn std::fmt::Display) -> ExitCode {
    // `eprintln!` would panic where nothing can be written, and the exit code be that of a fault of ours.
    let _ = writeln!(std::io::stderr(), "wagroups: {cause}");
    ExitCode::FAILURE
}

/// Where it listens and what to try next.
fn greet(settings: &Settings, server: &Server) {
    let grpc = server.grpc_addr();
    let scheme = |is_tls| if is_tls && settings.tls.is_on() { "https" } else { "http" };
    let public = scheme(true);
    let mut lines =
        vec![format!("wagroups listens on {grpc} (gRPC), as process {}", std::process::id())];
    if let Some(ops) = server.ops_addr() {
        let scheme = scheme(settings.ops.tls);
        lines.push(format!(
            "  health and metrics: {scheme}://{ops}/readyz {scheme}://{ops}/metrics"
        ));
    }
    if let Some(rest) = server.rest_addr() {
        lines.push(format!("  WAHA's paths: {public}://{rest}/api/default/groups"));
        lines.push(format!("  pages: {public}://{rest}/ and, of the API, {public}://{rest}/docs"));
    }
    if let Some(ingress) = server.waha_ingress_addr() {
        lines.push(format!("  webhooks of WAHA: {public}://{ingress}/webhook/SESSION"));
    }
    lines.push(format!("  database: {}", settings.database.url.redacted()));
    if settings.auth.is_open() {
        lines.push("  open to this machine: no API keys are set".to_owned());
    }
    let addr = match settings.tls.is_on() {
        true => format!(" --addr https://{grpc} --ca-file AUTHORITY --server-name NAME"),
        false if grpc.port() == 50051 => String::new(),
        false => format!(" --addr http://{grpc}"),
    };
    if settings.simulator.enabled {
        lines.push("try in another terminal:".to_owned());
        lines.push(format!("  wagroups groups create --subject Team +491510000001{addr}"));
        lines.push(format!("  wagroups watch --from earliest{addr}"));
    }
    // Printed at once, also where the output is a file that a script waits for.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush());
}
