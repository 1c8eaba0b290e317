//! Making API keys. The service keeps only their hashes, so that a key is shown once, here.

use base64::Engine as _;
use clap::{Args, Subcommand};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::errors::Failure;
use super::format::FormatOptions;
use super::output::Output;
use super::{Done, system};
use crate::domain::auth::{Role, SessionPattern};

#[derive(Debug, Args)]
pub struct ApiKeyArgs {
    #[command(subcommand)]
    command: ApiKeyCommand,
    #[command(flatten)]
    pub format: FormatOptions,
}

#[derive(Debug, Subcommand)]
enum ApiKeyCommand {
    /// Make a key: prints it once, and what to add to the service's settings
    New {
        /// Names the key in settings and logs
        name: String,
        /// Sessions that it may use: names, prefixes with *, or * for all
        #[arg(long, value_name = "PATTERN", value_delimiter = ',', default_value = "*")]
        sessions: Vec<SessionPattern>,
        /// What it may do with them: reader, operator (changes groups too) or admin (sessions and webhooks too)
        #[arg(long, default_value = "admin")]
        role: Role,
    },
}

pub fn run(args: &ApiKeyArgs, output: Output) -> Result<Done, Failure> {
    let ApiKeyCommand::New { name, sessions, role } = &args.command;
    let key = key_of(system::random()?);
    let sha256 = hex::encode(Sha256::digest(&key));
    let sessions: Vec<String> = sessions.iter().map(ToString::to_string).collect();
    if output.is_structured() {
        let document = json!({
            "name": name, "key": key, "sha256": sha256, "sessions": sessions, "role": role,
        });
        output.document(&document)?;
        return Ok(Done::Fully);
    }
    output.line(&key)?;
    let entry = toml_entry(name, &sha256, &sessions, *role);
    output.note("The key is shown only this once. Add its hash to the service's settings:")?;
    output.note(&format!("\n{entry}"))?;
    Ok(Done::Fully)
}

/// The prefix lets secret scanners and people see what the text is.
fn key_of(random: [u8; 32]) -> String {
    format!("wag_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random))
}

fn toml_entry(name: &str, sha256: &str, sessions: &[String], role: Role) -> String {
    // A JSON string is also a TOML basic string, and a JSON array of strings a TOML array.
    let name = json!(name);
    let sessions = json!(sessions);
    format!(
        "[[auth.keys]]\nname = {name}\nsha256 = \"{sha256}\"\nsessions = {sessions}\nrole = \"{role}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_is_toml_whatever_the_name() {
        let entry = toml_entry("a \"b\"", "00", &["shop-*".into()], Role::Reader);
        let parsed: toml::Table = entry.parse().expect("TOML");
        assert_eq!(parsed["auth"]["keys"][0]["name"].as_str(), Some("a \"b\""));
        assert_eq!(parsed["auth"]["keys"][0]["sessions"][0].as_str(), Some("shop-*"));
        assert_eq!(parsed["auth"]["keys"][0]["role"].as_str(), Some("reader"));
    }

    #[test]
    fn keys_are_recognisable_and_need_no_quoting() {
        let key = key_of([0xff; 32]);
        assert_eq!(key.len(), 4 + 43);
        assert!(key.starts_with("wag_") && !key.contains(['+', '/', '=']));
    }
}
