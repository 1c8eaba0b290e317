//! In which form answers are printed.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::errors::Failure;

/// Of the flags that are apart from what a command is about.
pub const HEADING: &str = "Client options";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// JSON, as proto3 maps it
    Json,
    /// The same as YAML
    Yaml,
    /// Only the ids or names of what is answered, one a line
    Name,
}

#[derive(Debug, Clone, Default, Args)]
pub struct FormatOptions {
    /// In which form to answer
    #[arg(
        long = "output",
        short = 'o',
        global = true,
        help_heading = HEADING,
        value_enum,
        value_name = "FORMAT"
    )]
    format: Option<Format>,
    /// The same as --output json
    #[arg(
        long, global = true, help_heading = HEADING, conflicts_with = "format"
    )]
    json: bool,
}

impl FormatOptions {
    pub fn format(&self) -> Format {
        let json = self.json.then_some(Format::Json);
        json.or(self.format).unwrap_or_default()
    }
}

impl Format {
    /// A document among others: a line of JSON, a document of YAML, or the names in it.
    pub fn one_of_many(self, document: &Value) -> Result<String, Failure> {
        Ok(match self {
            Self::Text | Self::Json => format!("{document}\n"),
            Self::Yaml => {
                let yaml = serde_saphyr::to_string(document)
                    .map_err(|error| Failure::Local(format!("cannot write YAML: {error}")))?;
                format!("---\n{}\n", yaml.trim_end())
            }
            Self::Name => names(document).map(|name| format!("{name}\n")).collect(),
        })
    }
}

/// What names a thing, in the order of how well it does.
const NAMES: [&str; 7] = ["id", "name", "groupId", "faultId", "inviteUrl", "code", "phoneNumberId"];

/// The names of what a document holds: of itself, else of the one thing in it, else of the things in its list.
fn names(document: &Value) -> Box<dyn Iterator<Item = String> + '_> {
    if let Some(name) = name(document) {
        return Box::new(std::iter::once(name));
    }
    let Some(fields) = document.as_object() else { return Box::new(std::iter::empty()) };
    if let Some(name) = fields.values().find_map(name_within) {
        return Box::new(std::iter::once(name));
    }
    let lists = fields.values().filter_map(Value::as_array);
    Box::new(lists.flatten().filter_map(name_within))
}

/// The name of a thing, or of who it is about.
fn name_within(thing: &Value) -> Option<String> {
    name(thing).or_else(|| name(thing.get("requester").or_else(|| thing.get("group"))?))
}

fn name(thing: &Value) -> Option<String> {
    let named = NAMES.iter().find_map(|field| thing.get(field))?;
    named.as_str().map(str::to_owned).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_those_of_what_is_answered() {
        let names = |document: Value| names(&document).collect::<Vec<_>>();
        let group =
            json!({ "id": "1@g.us", "subject": "Team", "participants": [{ "id": "7@lid" }] });
        assert_eq!(names(json!({ "group": group, "asOfSequence": "7" })), ["1@g.us"]);
        assert_eq!(names(json!({ "groups": [group, group], "nextPageToken": "x" })).len(), 2);
        assert_eq!(names(group), ["1@g.us"]);
        let session = json!({ "session": { "name": "shop", "engine": "ENGINE_WAHA" } });
        assert_eq!(names(session), ["shop"]);
        let requests = json!({ "joinRequests": [{ "requester": { "id": "7@lid" } }] });
        assert_eq!(names(requests), ["7@lid"]);
        let results =
            json!({ "group": { "id": "1@g.us" }, "results": [{ "requestedId": "8@c.us" }] });
        assert_eq!(names(results), ["1@g.us"]);
        let account = json!({ "account": { "phoneNumberId": "4915@c.us", "lid": "7@lid" } });
        assert_eq!(names(account), ["4915@c.us"]);
        assert_eq!(names(json!({ "changed": true })), [""; 0]);
    }

    #[test]
    fn yaml_is_a_document_each() {
        let document = json!({ "id": "1@g.us", "subject": "no: \"yes\"\n- x", "on": "off" });
        let yaml = Format::Yaml.one_of_many(&document).expect("YAML");
        assert!(yaml.starts_with("---\n") && yaml.ends_with('\n'), "{yaml}");
        assert!(yaml.contains("id: 1@g.us\n"), "{yaml}");
        // What would be read as something else is quoted.
        assert!(yaml.contains("'off'") || yaml.contains("\"off\""), "{yaml}");
    }
}
