//! Logs on standard error: text for people, JSON for machines.
//!
//! Fields are dotted names (`request.id`, `rpc.method`), but for `trace_id`, which is OpenTelemetry's. Keys, tokens, phone
//! numbers and the texts of groups are never logged.

use std::io::IsTerminal;

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, fmt};

#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error(
        "log.filter: {0}; it must be a level such as info, or directives such as warn,wagroups=debug"
    )]
    Filter(#[from] ParseError),
    #[error("logging is set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// Sets up the process' log; `json` = `None` chooses text on a terminal and JSON elsewhere.
pub fn init(filter: &str, json: Option<bool>) -> Result<(), LoggingError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let terminal = std::io::stderr().is_terminal();
    // A line that cannot be written, to a file on a full disk or beyond a limit on the size of files, is lost. It would be
    // reported by `eprintln!`, which panics then, and the process would end for want of a log.
    let builder = fmt().log_internal_errors(false);
    let builder = builder.with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    if json.unwrap_or(!terminal) {
        builder.json().flatten_event(true).finish().try_init()?;
    } else {
        builder.with_target(false).finish().try_init()?;
    }
    Ok(())
}
