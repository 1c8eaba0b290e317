//! The flags of the commands that run in this process: they end up as settings by path.

use std::path::PathBuf;

use clap::Args;

/// Where settings come from besides the environment. Flags win over `WAGROUPS_*`, and those over
/// the file.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// sqlite://… or postgres://…; other users of this machine can read flags, so a password is
    /// safer in WAGROUPS_DATABASE__URL
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Serve gRPC here
    #[arg(long, value_name = "ADDRESS")]
    pub grpc_listen: Option<String>,
    /// Serve REST here; off unless set
    #[arg(long, value_name = "ADDRESS")]
    pub rest: Option<String>,
    /// Take WAHA's webhooks here; off unless set
    #[arg(long, value_name = "ADDRESS")]
    pub webhook: Option<String>,
    /// Serve /livez, /readyz and /metrics here
    #[arg(long, value_name = "ADDRESS")]
    pub ops_listen: Option<String>,
    /// How to write the log: text or json
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// What to log, such as `info` or `wagroups=debug,info`
    #[arg(long, value_name = "FILTER")]
    pub log_filter: Option<String>,
    /// Any other setting by its path, such as `events.retention=14days`; may be repeated
    #[arg(long, value_name = "PATH=VALUE", value_parser = path_and_value)]
    pub set: Vec<(String, String)>,
}

impl SettingsArgs {
    /// The settings that have a flag of their own, as (path, value).
    pub fn named(&self) -> Vec<(String, String)> {
        let named = [
            ("database.url", &self.database_url),
            ("grpc.listen", &self.grpc_listen),
            ("rest.listen", &self.rest),
            ("waha_ingress.listen", &self.webhook),
            ("ops.listen", &self.ops_listen),
            ("log.format", &self.log_format),
            ("log.filter", &self.log_filter),
        ];
        let given = named.into_iter().filter_map(|(path, value)| {
            value.as_ref().map(|value| (path.to_owned(), value.clone()))
        });
        given.collect()
    }
}

#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
}

#[derive(Debug, Clone, Default, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Give the log a new id, after a restore from a backup: tokens of before are then refused
    /// instead of skipping what the backup lacks
    #[arg(long)]
    pub new_log_id: bool,
}

#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// As JSON, each setting with the source it came from
    #[arg(long)]
    pub json: bool,
}

/// `name=value`, both trimmed of nothing: values may hold `=` and spaces.
pub fn path_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.to_owned(), value.to_owned())),
        _ => Err("must have the form NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_equals_signs() {
        assert_eq!(path_and_value("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(path_and_value("=b").is_err());
        assert!(path_and_value("b").is_err());
    }
}
