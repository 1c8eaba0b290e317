//! Engines by name, and the flags of their settings.

use clap::{Args, ValueEnum};

use crate::cli::errors::Failure;
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
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["waha_server", "waha_session"])]
    phone_number: Option<String>,
    /// For WAHA: the name of a server in the service's settings; where empty the session only takes
    /// webhooks
    #[arg(long, value_name = "SERVER")]
    waha_server: Option<String>,
    /// For WAHA: the session's name on that server; the same as here where empty
    #[arg(long, value_name = "NAME")]
    waha_session: Option<String>,
}

/// The settings of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineConfig {
    Simulator(pb::SimulatorConfig),
    Waha(pb::WahaConfig),
}

impl EngineArgs {
    /// None where nothing was said.
    pub fn config(self) -> Option<EngineConfig> {
        if let Some(phone_number) = self.phone_number {
            return Some(EngineConfig::Simulator(pb::SimulatorConfig { phone_number }));
        }
        let said = self.waha_server.is_some() || self.waha_session.is_some();
        said.then(|| {
            EngineConfig::Waha(pb::WahaConfig {
                server: self.waha_server.unwrap_or_default(),
                remote_session: self.waha_session.unwrap_or_default(),
            })
        })
    }
}

impl EngineConfig {
    /// As an update's mask names it.
    pub fn path(&self) -> &'static str {
        match self {
            Self::Simulator(_) => "simulator",
            Self::Waha(_) => "waha",
        }
    }

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
            Self::Waha(_) => "--waha-server and --waha-session go with --engine waha".to_owned(),
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
        assert_eq!(EngineArgs::default().config(), None);
        let args = EngineArgs { waha_session: Some("shop".into()), ..Default::default() };
        let config = args.config().expect("settings");
        assert_eq!(config.path(), "waha");
        assert!(config.check(EngineName::Waha).is_ok());
        assert!(config.check(EngineName::Simulator).is_err());
        let args = EngineArgs { phone_number: Some(String::new()), ..Default::default() };
        let config = args.config().expect("settings");
        assert!(config.check(EngineName::Simulator).is_ok());
        assert!(config.check(EngineName::Native).is_err());
    }
}
