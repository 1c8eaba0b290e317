//! The house that docs/ARCHITECTURE.md describes, held against the code; what README.md says of settings
//! and RPCs; and the messages that are declared by hand, held against the contract.
//!
//! For the house the code is read as text: a module uses another where a path names it, wherever the path stands
//! (`use`, expressions, types, also those of test modules).

mod source;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, ReflectMessage, Value};
use wagroups::config::Settings;
use wagroups::pb;

use source::{Source, manifest_dir, top_module};

/// By rank, the lowest first: a module uses what stands lower and nothing else.
const RANKS: [&[&str]; 7] = [
    &["domain", "failpoint"],
    &["config", "telemetry", "tls", "outbound", "pb"],
    &["repository", "engine", "bus", "picture", "webhook_sender", "envelope"],
    &["app"],
    &["middleware"],
    &["grpc", "rest", "waha_ingress", "ops", "cluster"],
    // In this rank alone a module may use those that follow it.
    &["main", "cli", "server"],
];

/// Arrows that the ranks would allow: the app knows the ports, not what stands behind them.
const PORTS_ONLY: (&str, &[&str]) =
    ("app", &["repository", "engine", "bus", "picture", "webhook_sender"]);

/// Libraries that `domain` never names: it is free of input and output.
const NOT_IN_DOMAIN: [&str; 4] = ["tokio", "tonic", "sea_orm", "axum"];

const MAX_LINES: usize = 500;

#[test]
fn modules_use_only_what_stands_lower() {
    let mut violations = Vec::new();
    for source in sources() {
        violations.extend(violations_of(&source));
    }
    assert!(violations.is_empty(), "forbidden arrows:\n{}", lines(&violations));
}

#[test]
fn every_module_has_its_place_in_the_table() {
    let root = manifest_dir().join("src");
    let strangers: Vec<String> = entries(&root)
        .iter()
        .filter_map(|path| top_module(path.strip_prefix(&root).expect("a file of src")))
        .filter(|module| rank(module).is_none())
        .collect();
    assert!(strangers.is_empty(), "not in the table of ranks: {}", strangers.join(", "));

    // A name that the root hands on would let a module reach another past the table.
    let root_file = Source::read(Path::new("src/lib.rs"));
    assert!(!root_file.words().any(|(_, word)| word == "use"), "src/lib.rs declares modules only");
}

#[test]
fn domain_names_no_library_of_input_and_output() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| source.module() == "domain") {
        violations.extend(source.words().filter_map(|(line, word)| {
            let banned = NOT_IN_DOMAIN.iter().any(|name| {
                word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            });
            banned.then(|| format!("{}:{line}: {word}", source.path.display()))
        }));
    }
    assert!(violations.is_empty(), "domain must not name these:\n{}", lines(&violations));
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let too_long: Vec<String> = sources()
        .iter()
        .map(|source| (source.text.lines().count(), source.path.display()))
        .filter(|(length, _)| *length > MAX_LINES)
        .map(|(length, path)| format!("{path}: {length} lines"))
        .collect();
    assert!(too_long.is_empty(), "more than {MAX_LINES} lines:\n{}", lines(&too_long));
}

/// That the test can fail: each of these is wrong, at the line and with the arrow given.
#[test]
fn a_forbidden_arrow_is_found_wherever_it_hides() {
    for (path, text, expected) in [
        ("src/domain/group.rs", "\nuse crate::app::App;\n", "src/domain/group.rs:2: domain -> app"),
        (
            "src/repository/mod.rs",
            "use crate::engine::simulator;",
            "src/repository/mod.rs:1: repository -> engine",
        ),
        (
            "src/app/mod.rs",
            "use crate::repository::SeaRepository;",
            "src/app/mod.rs:1: app -> repository",
        ),
        ("src/server/mod.rs", "use crate::cli::Cli;", "src/server/mod.rs:1: server -> cli"),
        (
            "src/pb/mod.rs",
            "use crate::{domain::Group,\n    config::Settings};",
            "src/pb/mod.rs:2: pb -> config",
        ),
        (
            "src/app/mod.rs",
            "fn f() {\n  crate::grpc::serve::<u8>();\n}",
            "src/app/mod.rs:2: app -> grpc",
        ),
        (
            "src/app/watch/mod.rs",
            "use super::super::cli::run;",
            "src/app/watch/mod.rs:1: app -> cli",
        ),
        (
            "src/app/mod.rs",
            "mod tests { use super::{super::ops}; }",
            "src/app/mod.rs:1: app -> ops",
        ),
        ("src/engine/mod.rs", "pub(in crate::app) fn f() {}", "src/engine/mod.rs:1: engine -> app"),
        ("src/domain/mod.rs", "use crate::utils::join;", "src/domain/mod.rs:1: domain -> utils"),
        ("src/domain/mod.rs", "use crate::*;", "src/domain/mod.rs:1: domain -> *"),
        ("src/domain/mod.rs", "use crate as root;", "src/domain/mod.rs:1: domain -> as"),
        ("src/utils.rs", "use crate::domain::Group;", "src/utils.rs:1: utils -> domain"),
        ("src/main.rs", "use wagroups::helpers;", "src/main.rs:1: main -> helpers"),
        (
            "src/domain/a.rs",
            "#[path = \"../app/x.rs\"]\nmod x;",
            "src/domain/a.rs:1: domain -> path",
        ),
    ] {
        let found = violations_of(&Source::new(path, text));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn what_only_looks_like_an_arrow_is_none() {
    for (path, text) in [
        (
            "src/domain/a.rs",
            "// use crate::app::App;\n/* crate::app /* crate::cli */ crate::grpc */",
        ),
        ("src/domain/a.rs", "//! [`crate::app`]\nconst A: &str = \"crate::app\\\" crate::grpc\";"),
        (
            "src/domain/a.rs",
            "const A: &str = r#\"crate::app \" crate::grpc\"#; const B: &[u8] = b\"crate::app\";",
        ),
        (
            "src/domain/a.rs",
            "fn f<'a>(c: char, s: &'a str) { c == '\"' || c == '\\''; } // crate::app",
        ),
        ("src/domain/a.rs", "pub(crate) fn f() { other::crate_name::app(); }"),
        (
            "src/domain/id/a.rs",
            "use super::super::Error; mod tests { use super::*; use super::super::ParseError; }",
        ),
        (
            "src/app/writer.rs",
            "use crate::domain::{Event, event::{self, EventId}};\nuse self::inner::grpc;",
        ),
        (
            "src/main.rs",
            "use wagroups::cli::{self, Cli};\nfn main() { wagroups::server::run() }\nuse crate::args;",
        ),
        ("src/cli/mod.rs", "use crate::server::Server;"),
    ] {
        let found = violations_of(&Source::new(path, text));
        assert!(found.is_empty(), "{text}\n{}", lines(&found));
    }
}

/// A verb is described once, and each layer has what is its own to say of it, in the order of CONTRIBUTING.md.
#[test]
fn a_verb_stands_in_few_files() {
    const LAYERS: [&str; 8] = [
        "src/domain/operation",
        "src/engine/simulator",
        "src/engine/waha/calls",
        "src/app/calls",
        "src/app/groups",
        "src/grpc",
        "src/rest",
        "src/cli",
    ];
    const MOST: usize = 14;
    let names = ["RevokeInvite", "revoke_invite"];
    let sources = sources();
    let speaks = |source: &&Source| names.iter().any(|name| source.text.contains(name));
    let speaking: Vec<&Path> =
        sources.iter().filter(speaks).map(|source| source.path.as_path()).collect();
    assert!(speaking.len() <= MOST, "{speaking:#?}");
    let elsewhere = |path: &&&Path| !LAYERS.iter().any(|layer| path.starts_with(layer));
    assert_eq!(speaking.iter().find(elsewhere), None);
    // The order in which a new one is added.
    let contributing =
        fs::read_to_string(manifest_dir().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let (_, order) = contributing.split_once("## Adding an RPC").expect("the order");
    let places = LAYERS.map(|layer| order.find(layer).expect(layer));
    assert!(places.is_sorted(), "{places:?}");
}

/// The rooms of the app, from the ground up, as docs/ARCHITECTURE.md shows them.
#[test]
fn rooms_of_the_app_use_only_those_below() {
    const FLOORS: [&[&str]; 5] = [
        &["log"],
        &["calls", "watch"],
        &["groups", "sessions"],
        &["ingest", "relay", "webhooks"],
        &["background", "following"],
    ];
    // What any of them may use, and what joins them.
    const SHARED: [&str; 9] = [
        "delivery_window",
        "fanout",
        "fetch_budget",
        "keyed_lock",
        "lifecycle",
        "mod",
        "passing",
        "places",
        "spellings",
    ];
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
    let mut upward = Vec::new();
    for source in sources() {
        let Ok(in_app) = source.path.strip_prefix("src/app") else { continue };
        let own = in_app.iter().next().expect("a room").to_str().expect("a name");
        let own = own.strip_suffix(".rs").unwrap_or(own);
        let Some(own_floor) = floor(own) else {
            assert!(SHARED.contains(&own), "{own} has no place on a floor");
            continue;
        };
        for (line, room) in source.uses_below("app") {
            if room != own && floor(&room).is_some_and(|other| other >= own_floor) {
                upward.push(format!("{}:{line}: {own} -> {room}", source.path.display()));
            }
        }
    }
    assert_eq!(upward, Vec::<String>::new());
}

/// The app asks what an engine and a session's settings can do, and never which they are.
#[test]
fn the_app_names_no_engine() {
    let names = ["EngineKind::", "EngineConfig::"];
    let is_of_app = |source: &&Source| source.path.starts_with("src/app");
    let mut naming = Vec::new();
    for source in sources().iter().filter(is_of_app) {
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| names.iter().any(|name| line.contains(name)));
        naming.extend(lines.map(|line| format!("{}: {}", source.path.display(), line.trim())));
    }
    assert_eq!(naming, Vec::<String>::new());
}

/// What the log numbers has a type of its own (`domain::counter`), so that no position is given for a sequence. Rows
/// and messages hold signed numbers; what has no sign has come into the program.
#[test]
fn what_the_log_numbers_is_no_bare_number() {
    let numbered = ["position", "sequence", "revision", "epoch"];
    let names_one = |name: &str| numbered.iter().any(|word| name.ends_with(word));
    let mut bare = Vec::new();
    for source in sources() {
        for line in source.text.lines() {
            let typed = line.split_once(": u64").or_else(|| line.split_once(": Option<u64>"));
            let Some((before, _)) = typed else { continue };
            let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next();
            if name.is_some_and(names_one) {
                bare.push(format!("{}: {}", source.path.display(), line.trim()));
            }
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn the_readme_has_every_setting_with_its_default() {
    let readme = fs::read_to_string(manifest_dir().join("README.md")).expect("README.md");
    let defaults = toml::Table::try_from(Settings::default()).expect("settings are TOML");
    let mut missing = Vec::new();
    for (section, settings) in defaults {
        for (name, default) in settings.as_table().expect("a section") {
            let variable = format!("`WAGROUPS_{section}__{name}`").to_uppercase();
            let default = match default {
                toml::Value::String(text) => format!("| `{text}` |"),
                other => format!("| `{other}` |"),
            };
            let row = readme.lines().find(|line| line.starts_with('|') && line.contains(&variable));
            if row.is_none_or(|row| !row.contains(&default)) {
                missing.push(format!("{variable} {default}"));
            }
        }
    }
    assert!(missing.is_empty(), "README.md lacks these rows:\n{}", lines(&missing));
}

#[test]
fn the_readme_names_every_rpc() {
    let readme = fs::read_to_string(manifest_dir().join("README.md")).expect("README.md");
    for (service, contract) in [
        ("GroupsService", "groups"),
        ("SessionsService", "sessions"),
        ("WebhooksService", "webhooks"),
        ("SimulatorService", "simulator"),
    ] {
        let contract = manifest_dir().join(format!("proto/wagroups/v1/{contract}.proto"));
        let contract = fs::read_to_string(contract).expect("a contract");
        let rpcs =
            contract.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next());
        let rpcs: BTreeSet<&str> = rpcs.collect();

        let start = format!("| `{service}` |");
        let row =
            readme.lines().find(|line| line.starts_with(&start)).expect("a row for each service");
        let mut cells = row[start.len()..]
            .split('|')
            .map(|cell| cell.split('`').skip(1).step_by(2).collect::<BTreeSet<&str>>());
        assert_eq!(cells.next(), Some(rpcs), "{service}");
    }
}

/// `src/pb/shared.rs` declares groups and events as bytes. Whatever the contract puts into one of
/// its messages must come out of it unchanged.
#[test]
fn messages_declared_by_hand_are_those_of_the_contract() {
    passes_unchanged::<pb::GetGroupResponse>("GetGroupResponse");
    passes_unchanged::<pb::InitialGroup>("InitialGroup");
    passes_unchanged::<pb::ListGroupEventsResponse>("ListGroupEventsResponse");
    passes_unchanged::<pb::ListGroupsResponse>("ListGroupsResponse");
    passes_unchanged::<pb::WatchGroupEventsResponse>("WatchGroupEventsResponse");
}

fn passes_unchanged<M: Message + Default>(name: &str) {
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let descriptor =
        contract.get_message_by_name(&format!("wagroups.v1.{name}")).expect("a message");
    let full = filled(&DynamicMessage::new(descriptor.clone()));
    let by_hand = M::decode(full.encode_to_vec().as_slice()).expect("the same wire format");
    let back = DynamicMessage::decode(descriptor, by_hand.encode_to_vec().as_slice());
    assert_eq!(back.expect("the same wire format"), full, "{name}");
}

/// The message with something in every field, of a oneof in its last one.
fn filled(message: &DynamicMessage) -> DynamicMessage {
    let mut full = message.clone();
    for field in message.descriptor().fields() {
        let value = match field.kind() {
            Kind::Bool => Value::Bool(true),
            Kind::Int32 => Value::I32(7),
            Kind::Int64 => Value::I64(7),
            Kind::String => Value::String("seven".to_owned()),
            Kind::Bytes => Value::Bytes(bytes::Bytes::from_static(b"seven")),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::Message(inner) if field.is_map() => {
                assert_eq!(inner.map_entry_value_field().kind(), Kind::String);
                let seven = || "seven".to_owned();
                Value::Map([(MapKey::String(seven()), Value::String(seven()))].into())
            }
            Kind::Message(inner) => Value::Message(filled(&DynamicMessage::new(inner))),
            other => panic!("{other:?} is new in these messages"),
        };
        full.set_field(&field, if field.is_list() { Value::List(vec![value]) } else { value });
    }
    full
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("  {item}\n")).collect()
}

/// Every file of the crate but its root, which only declares the modules.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![manifest_dir().join("src")];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path.strip_prefix(manifest_dir()).expect("a file of ours").to_owned());
            }
        }
    }
    files.retain(|path| path != Path::new("src/lib.rs"));
    files.sort();
    assert!(
        files.len() > 50,
        "only {} files were found: the test looks in the wrong place",
        files.len()
    );
    files.iter().map(|path| Source::read(path)).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// The module's rank, and its place in it.
fn rank(module: &str) -> Option<(usize, usize)> {
    RANKS.iter().enumerate().find_map(|(rank, modules)| {
        let place = modules.iter().position(|name| *name == module)?;
        Some((rank, place))
    })
}

fn is_allowed(from: &str, to: &str) -> bool {
    let (Some((from_rank, from_place)), Some((to_rank, to_place))) = (rank(from), rank(to)) else {
        return false;
    };
    if PORTS_ONLY.0 == from && PORTS_ONLY.1.contains(&to) {
        return false;
    }
    let is_last = from_rank + 1 == RANKS.len();
    from == to || to_rank < from_rank || (is_last && to_rank == from_rank && from_place < to_place)
}

/// A use of one module by another that the table forbids.
#[derive(Debug)]
struct Violation {
    path: PathBuf,
    line: usize,
    from: String,
    to: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} -> {}", self.path.display(), self.line, self.from, self.to)
    }
}

fn violations_of(source: &Source) -> Vec<Violation> {
    let from = source.module();
    let uses = source.uses().into_iter().filter(|(_, to)| !is_allowed(&from, to));
    let violation =
        |(line, to)| Violation { path: source.path.clone(), line, from: from.clone(), to };
    uses.map(violation).collect()
}
