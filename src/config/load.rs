//! Putting the settings together from where they may come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Settings;
use super::auth::{parse_certificates, parse_keys};
use super::problems::{Problem, Problems, Source};
use super::renamed::{RenamedSection, rename};
use super::waha::parse_servers;

const PREFIX: &str = "WAGROUPS_";

/// Variables with our prefix that are no settings: the client's, and those of tests.
const NOT_SETTINGS: [&str; 11] = [
    "WAGROUPS_CONFIG",
    "WAGROUPS_ADDR",
    "WAGROUPS_API_KEY",
    "WAGROUPS_CA_FILE",
    "WAGROUPS_CERT_FILE",
    "WAGROUPS_KEY_FILE",
    "WAGROUPS_SERVER_NAME",
    "WAGROUPS_SESSION",
    "WAGROUPS_FAILPOINT",
    "WAGROUPS_BIN",
    "WAGROUPS_REQUIRE_POSTGRES",
];

/// Where settings may come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--config`, else `WAGROUPS_CONFIG`.
    pub file: Option<PathBuf>,
    /// The process' environment, handed in so that tests need none.
    pub environment: Vec<(String, String)>,
    /// What `--set` names, as setting and value; later ones win.
    pub set: Vec<(String, String)>,
    /// Flags with a name of their own, as setting and value; they win over `set`.
    pub flags: Vec<(String, String)>,
}

/// The settings in force, and where each came from that is not a default.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub settings: Settings,
    /// Sections that were given under an old name.
    pub renamed: Vec<RenamedSection>,
    sources: BTreeMap<String, Source>,
}

impl Loaded {
    pub fn source(&self, path: &str) -> Source {
        self.sources.get(path).cloned().unwrap_or(Source::Default)
    }

    /// The same as JSON: for each setting its value and its source.
    pub fn to_json(&self) -> String {
        let Ok(table) = toml::Table::try_from(&self.settings) else { return String::new() };
        let mut settings = BTreeMap::new();
        for (section, values) in &table {
            let toml::Value::Table(values) = values else { continue };
            for (name, value) in values {
                let path = format!("{section}.{name}");
                let source = self.source(&path).to_string();
                settings.insert(path, Shown { value, source });
            }
        }
        serde_json::to_string_pretty(&settings).unwrap_or_default() + "\n"
    }

    /// The effective settings as TOML with their sources, without secrets.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let Ok(table) = toml::Table::try_from(&self.settings) else { return text };
        for (section, values) in &table {
            let toml::Value::Table(values) = values else { continue };
            text.push_str(&format!("[{section}]\n"));
            for (name, value) in values {
                let source = self.source(&format!("{section}.{name}"));
                text.push_str(&format!("{name} = {value} # {source}\n"));
            }
            text.push('\n');
        }
        text
    }
}

#[derive(serde::Serialize)]
struct Shown<'a> {
    value: &'a toml::Value,
    source: String,
}

/// One setting from one source.
struct Given {
    path: String,
    value: toml::Value,
    source: Source,
}

/// Loads and checks the settings; on failure, everything that is wrong with them.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<Problem>> {
    let known = known_settings();
    let mut problems = Vec::new();
    let mut given = Vec::new();
    if let Some(file) = file_of(sources) {
        read_file(&file, &mut given, &mut problems);
    }
    for (name, value) in &sources.environment {
        if let Some(path) = setting_of_variable(name) {
            let source = Source::Environment(name.clone());
            given.push(Given { path, value: toml::Value::String(value.clone()), source });
        }
    }
    let of_flag = |(path, value): &(String, String)| Given {
        path: path.clone(),
        value: toml::Value::String(value.clone()),
        source: Source::Flag(path.clone()),
    };
    given.extend(sources.set.iter().map(of_flag));
    // Flags come after this: `--webhook` has no section's name that could be the old one.
    let named = given.iter_mut().map(|Given { path, source, .. }| (path, &*source));
    let renamed = rename(named, &mut problems);
    given.extend(sources.flags.iter().map(of_flag));

    let mut settings = toml::Table::new();
    let mut applied = BTreeMap::new();
    for Given { path, value, source } in given {
        let problem = |text: String| Problem { path: path.clone(), source: source.clone(), text };
        let Some(default) = known.get(&path) else {
            problems.push(problem(unknown(&path, &known)));
            continue;
        };
        let value = match coerce(&path, value, default) {
            Ok(value) => value,
            Err(text) => {
                problems.push(problem(text));
                continue;
            }
        };
        // Alone, so that the problem is this setting's for certain.
        let mut alone = toml::Table::new();
        put(&mut alone, &path, value.clone());
        if let Err(error) = alone.try_into::<Settings>() {
            problems.push(problem(error.message().to_owned()));
            continue;
        }
        put(&mut settings, &path, value);
        applied.insert(path, source);
    }
    let settings: Settings = match settings.try_into() {
        Ok(settings) => settings,
        Err(error) => {
            let text = error.message().to_owned();
            problems.push(Problem { path: "settings".to_owned(), source: Source::Default, text });
            return Err(problems);
        }
    };
    let loaded = Loaded { settings, renamed, sources: applied };
    let mut found = Problems::default();
    loaded.settings.validate(&mut found);
    problems.extend(found.0.into_iter().map(|(path, text)| {
        let source = loaded.source(&path);
        Problem { path, source, text }
    }));
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

fn file_of(sources: &Sources) -> Option<PathBuf> {
    sources.file.clone().or_else(|| {
        let variable = sources.environment.iter().find(|(name, _)| name == "WAGROUPS_CONFIG");
        variable.map(|(_, value)| PathBuf::from(value))
    })
}

fn read_file(path: &Path, given: &mut Vec<Given>, problems: &mut Vec<Problem>) {
    let source = Source::File(path.to_owned());
    let problem =
        |text: String| Problem { path: "the file".to_owned(), source: source.clone(), text };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return problems.push(problem(format!("cannot be read: {error}"))),
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return problems.push(problem(format!("is not TOML: {error}"))),
    };
    for (section, values) in table {
        match values {
            toml::Value::Table(values) => {
                for (name, value) in values {
                    given.push(Given {
                        path: format!("{section}.{name}"),
                        value,
                        source: source.clone(),
                    });
                }
            }
            value => given.push(Given { path: section, value, source: source.clone() }),
        }
    }
}

/// Every setting by its name, with its default.
fn known_settings() -> BTreeMap<String, toml::Value> {
    let defaults = toml::Table::try_from(Settings::default()).unwrap_or_default();
    let mut known = BTreeMap::new();
    for (section, values) in defaults {
        if let toml::Value::Table(values) = values {
            for (name, value) in values {
                known.insert(format!("{section}.{name}"), value);
            }
        }
    }
    known
}

/// `WAGROUPS_GRPC__LISTEN` is `grpc.listen`; `None` for what is no setting of ours.
fn setting_of_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    if NOT_SETTINGS.contains(&name) || rest.starts_with("TEST_") || is_of_kubernetes(rest) {
        return None;
    }
    Some(rest.to_ascii_lowercase().replace("__", "."))
}

/// Kubernetes says to every pod where the services of its namespace are, in variables that begin with the
/// service's name; one called `wagroups` or `wagroups-rest` must not look like a wrong setting. Settings have
/// `__`.
fn is_of_kubernetes(rest: &str) -> bool {
    let rest = format!("_{rest}");
    let is_port = |(_, after): (&str, &str)| after.starts_with(|c: char| c.is_ascii_digit());
    !rest.contains("__")
        && (rest.ends_with("_SERVICE_HOST")
            || rest.contains("_SERVICE_PORT")
            || rest.ends_with("_PORT")
            || rest.split_once("_PORT_").is_some_and(is_port))
}

/// Texts, as all variables and flags are, in the form that the default has.
fn coerce(path: &str, value: toml::Value, default: &toml::Value) -> Result<toml::Value, String> {
    let toml::Value::String(text) = &value else { return Ok(value) };
    match default {
        toml::Value::Integer(_) => text
            .trim()
            .parse()
            .map(toml::Value::Integer)
            .map_err(|_| format!("must be a whole number; it is {text:?}")),
        toml::Value::Boolean(_) => match text.trim() {
            "true" | "1" | "yes" | "on" => Ok(true.into()),
            "false" | "0" | "no" | "off" => Ok(false.into()),
            _ => Err(format!("must be true or false; it is {text:?}")),
        },
        toml::Value::Array(_) if path == "auth.keys" => parse_keys(text),
        toml::Value::Array(_) if path == "waha.servers" => parse_servers(text),
        toml::Value::Array(_) if path == "auth.certificates" => parse_certificates(text),
        toml::Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(parts.map(str::to_owned).collect::<Vec<_>>().into())
        }
        _ => Ok(value),
    }
}

fn put(table: &mut toml::Table, path: &str, value: toml::Value) {
    let Some((section, name)) = path.split_once('.') else { return };
    let entry = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let toml::Value::Table(section) = entry {
        section.insert(name.to_owned(), value);
    }
}

fn unknown(path: &str, known: &BTreeMap<String, toml::Value>) -> String {
    let closest = known
        .keys()
        .map(|name| (strsim::damerau_levenshtein(name, path), name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    if let Some((_, name)) = closest {
        return format!("there is no such setting; did you mean {name}?");
    }
    let section = path.split('.').next().unwrap_or_default();
    let names: Vec<&str> = known
        .keys()
        .filter(|name| name.starts_with(&format!("{section}.")))
        .map(String::as_str)
        .collect();
    if names.is_empty() {
        let mut sections: Vec<&str> =
            known.keys().filter_map(|name| name.split('.').next()).collect();
        sections.dedup();
        format!("there is no such setting; the sections are {}", sections.join(", "))
    } else {
        format!("there is no such setting; there are {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests;
