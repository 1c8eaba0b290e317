//! Engines by name, and the flags of their settings.

use clap::{Args, ValueEnum};

use crate::cli::errors::Failure;
use crate::cli::input::read_secret;
use crate::pb::{self, create_session_request, update_session_request};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    Simulator,
    Waha,
    Native,
}

impl From<EngineName> for pb::Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Simulator => Self::Simulator,
            EngineName::Waha => Self::Waha,
            EngineName::Native => Self::Native,
        }
    }
}

#[derive(Debug, Clone, Default, Args)]
pub struct EngineArgs {
    /// For the simulator: the account's number; one that follows from the name where empty
    #[arg(
        long,
        value_name = "NUMBER",
        conflicts_with_all = ["waha_server", "waha_session", "webhook_secret_file", "webhooks_only"]
    )]
    phone_number: Option<String>,
    /// For WAHA: the name of a server in the service's settings; where empty the one with the most
    /// room. In an update, the session moves there
    #[arg(long, value_name = "SERVER")]
    waha_server: Option<String>,
    /// For WAHA: no server carries the session, it only takes webhooks
    #[arg(long, conflicts_with = "waha_server")]
    webhooks_only: bool,
    /// For WAHA: the session's name on that server; the same as here where empty
    #[arg(long, value_name = "NAME")]
    waha_session: Option<String>,
    /// For WAHA: what its webhooks are signed with, in a file; - for standard input. Without a secret
    /// webhooks are refused
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<String>,
}

/// The settings of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineConfig {
    Simulator(pb::SimulatorConfig),
    Waha(pb::WahaConfig),
}

impl EngineArgs {
    /// None where nothing was said.
    pub fn config(self) -> Result<Option<EngineConfig>, Failure> {
        if let Some(phone_number) = self.phone_number {
            return Ok(Some(EngineConfig::Simulator(pb::SimulatorConfig { phone_number })));
        }
        let webhook_secret = match &self.webhook_secret_file {
            Some(path) => read_secret(path)?,
            None => String::new(),
        };
        let said = self.waha_server.is_some()
            || self.waha_session.is_some()
            || self.webhook_secret_file.is_some()
            || self.webhooks_only;
        Ok(said.then(|| {
            EngineConfig::Waha(pb::WahaConfig {
                server: self.waha_server.unwrap_or_default(),
                remote_session: self.waha_session.unwrap_or_default(),
                webhook_secret,
                has_webhook_secret: false,
                webhooks_only: self.webhooks_only,
            })
        }))
    }

    /// What an update's mask names of it.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        if self.phone_number.is_some() {
            paths.push("simulator".to_owned());
        }
        if self.waha_server.is_some() || self.waha_session.is_some() || self.webhooks_only {
            paths.push("waha".to_owned());
        }
        if self.webhook_secret_file.is_some() {
            paths.push("waha.webhook_secret".to_owned());
        }
        paths
    }
}

impl EngineConfig {
    /// Refuses flags of another engine than the one that was asked for.
    pub fn check(&self, engine: EngineName) -> Result<(), Failure> {
        let fits = match self {
            Self::Simulator(_) => engine == EngineName::Simulator,
            Self::Waha(_) => engine == EngineName::Waha,
        };
        if fits {
            return Ok(());
        }
        Err(Failure::Usage(match self {
            Self::Simulator(_) => {
                "--phone-number is for the simulator; other engines learn it when the account is \
                 linked"
                    .to_owned()
            }
            Self::Waha(_) => {
                "--waha-server, --waha-session, --webhooks-only and --webhook-secret-file go with --engine \
                 waha"
                    .to_owned()
            }
        }))
    }
}

impl From<EngineConfig> for create_session_request::Config {
    fn from(config: EngineConfig) -> Self {
        match config {
            EngineConfig::Simulator(config) => Self::Simulator(config),
            EngineConfig::Waha(config) => Self::Waha(config),
        }
    }
}

impl From<EngineConfig> for update_session_request::Config {
    fn from(config: EngineConfig) -> Self {
        match config {
            EngineConfig::Simulator(config) => Self::Simulator(config),
            EngineConfig::Waha(config) => Self::Waha(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_one_engine_are_settings_of_that_engine() {
        let config_of = |args: EngineArgs| args.config().expect("nothing to read");
        assert_eq!(config_of(EngineArgs::default()), None);
        let args = EngineArgs { waha_session: Some("shop".into()), ..Default::default() };
        assert_eq!(args.paths(), ["waha"]);
        let config = config_of(args).expect("settings");
        assert!(config.check(EngineName::Waha).is_ok());
        assert!(config.check(EngineName::Simulator).is_err());
        let args = EngineArgs { phone_number: Some(String::new()), ..Default::default() };
        assert_eq!(args.paths(), ["simulator"]);
        let config = config_of(args).expect("settings");
        assert!(config.check(EngineName::Simulator).is_ok());
        assert!(config.check(EngineName::Native).is_err());
    }
}
