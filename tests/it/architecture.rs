//! The house that docs/ARCHITECTURE.md describes, held against the code; and what README.md says of
//! settings and RPCs, held against both.
//!
//! The code is read as text: a module uses another where a path names it, wherever the path stands
//! (`use`, expressions, types, also those of test modules).

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use wagroups::config::Settings;

/// By rank, the lowest first: a module uses what stands lower and nothing else.
const RANKS: [&[&str]; 7] = [
    &["domain", "failpoint"],
    &["config", "telemetry", "pb"],
    &["repository", "engine", "bus"],
    &["app"],
    &["middleware"],
    &["grpc", "rest", "webhook", "ops"],
    // In this rank alone a module may use those that follow it.
    &["main", "cli", "server"],
];

/// Arrows that the ranks would allow: the app knows the ports, not what stands behind them.
const PORTS_ONLY: (&str, &[&str]) = ("app", &["repository", "engine", "bus"]);

/// Libraries that `domain` never names: it is free of input and output.
const NOT_IN_DOMAIN: [&str; 4] = ["tokio", "tonic", "sea_orm", "axum"];

const MAX_LINES: usize = 500;

#[test]
fn modules_use_only_what_stands_lower() {
    let mut violations = Vec::new();
    for source in sources() {
        violations.extend(source.violations());
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
        let found = Source::new(path, text).violations();
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
        let found = Source::new(path, text).violations();
        assert!(found.is_empty(), "{text}\n{}", lines(&found));
    }
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
fn the_readme_says_of_every_rpc_whether_it_works() {
    let readme = fs::read_to_string(manifest_dir().join("README.md")).expect("README.md");
    for (service, contract, code) in [
        ("GroupsService", "groups", "groups_service"),
        ("SessionsService", "sessions", "sessions_service"),
        ("SimulatorService", "simulator", "simulator_service"),
    ] {
        let read = |path: String| fs::read_to_string(manifest_dir().join(path)).expect("a file");
        let contract = read(format!("proto/wagroups/v1/{contract}.proto"));
        let code = read(format!("src/grpc/{code}.rs"));
        let rpcs =
            contract.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next());
        let (later, works): (BTreeSet<&str>, BTreeSet<&str>) =
            rpcs.partition(|rpc| code.contains(&format!("not_implemented(\"{rpc}\")")));

        let start = format!("| `{service}` |");
        let row =
            readme.lines().find(|line| line.starts_with(&start)).expect("a row for each service");
        let mut cells = row[start.len()..]
            .split('|')
            .map(|cell| cell.split('`').skip(1).step_by(2).collect::<BTreeSet<&str>>());
        assert_eq!(cells.next(), Some(works), "{service}: what works");
        assert_eq!(cells.next(), Some(later), "{service}: what comes later");
    }
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("  {item}\n")).collect()
}

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
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

/// The module right below the root that a file of `src` belongs to; `None` for the root itself.
fn top_module(in_src: &Path) -> Option<String> {
    let first = in_src.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib").then(|| module.to_owned())
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

/// One file, taken apart as far as paths need it.
struct Source {
    path: PathBuf,
    text: String,
    tokens: Vec<(usize, Token)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Joint,
    Mark(char),
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(manifest_dir().join(path)).expect("a source file");
        Self::new(path, &text)
    }

    fn new(path: impl AsRef<Path>, text: &str) -> Self {
        Self { path: path.as_ref().to_owned(), text: text.to_owned(), tokens: tokens(text) }
    }

    fn module(&self) -> String {
        let in_src = self.path.strip_prefix("src").expect("a path in src");
        top_module(in_src).unwrap_or_default()
    }

    fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        self.tokens.iter().filter_map(|(line, token)| match token {
            Token::Word(word) => Some((*line, word.as_str())),
            Token::Joint | Token::Mark(_) => None,
        })
    }

    /// The modules between the root and the file's own items: `app`, `watch` for src/app/watch/mod.rs.
    fn home(&self) -> Vec<String> {
        let in_src = self.path.strip_prefix("src").expect("a path in src").with_extension("");
        let names = in_src.components().filter_map(|part| part.as_os_str().to_str());
        names.filter(|name| *name != "mod").map(str::to_owned).collect()
    }

    fn violations(&self) -> Vec<Violation> {
        let from = self.module();
        let uses = self.uses().into_iter().filter(|(_, to)| !is_allowed(&from, to));
        uses.map(|(line, to)| Violation { path: self.path.clone(), line, from: from.clone(), to })
            .collect()
    }

    /// The modules below the crate's root that the file names, each with its line.
    fn uses(&self) -> Vec<(usize, String)> {
        // The program is a crate of its own, and the library is a stranger to it.
        let is_program = self.path == Path::new("src/main.rs");
        let root = if is_program { "wagroups" } else { "crate" };
        let home = self.home();
        let mut uses = Vec::new();
        // Modules written out in the file that the place is inside of, by how deep they opened.
        let mut inner: Vec<(usize, String)> = Vec::new();
        let mut depth = 0;
        let mut at = 0;
        while let Some((line, token)) = self.tokens.get(at) {
            match token {
                Token::Mark('{') => {
                    if let (Some(Token::Word(name)), Some(Token::Word(keyword))) =
                        (self.before(at, 1), self.before(at, 2))
                        && keyword == "mod"
                    {
                        inner.push((depth, name.clone()));
                    }
                    depth += 1;
                }
                Token::Mark('}') => {
                    depth -= 1;
                    inner.retain(|(opened, _)| *opened < depth);
                }
                // A file elsewhere would be read as a part of another module than it is.
                Token::Word(word)
                    if word == "path" && self.before(at, 1) == Some(&Token::Mark('[')) =>
                {
                    uses.push((*line, word.clone()));
                }
                Token::Word(word) if self.before(at, 1) != Some(&Token::Joint) => {
                    let is_start =
                        word == root || (!is_program && (word == "super" || word == "self"));
                    let goes_on = self.tokens.get(at + 1).is_some_and(|(_, next)| {
                        *next == Token::Joint
                            || (word == root && *next == Token::Word("as".to_owned()))
                    });
                    if is_start && goes_on {
                        let mut paths = Vec::new();
                        at = self.path_tree(at, &mut Vec::new(), &mut paths);
                        let nested = inner.iter().map(|(_, name)| name.clone());
                        let here: Vec<String> = home.iter().cloned().chain(nested).collect();
                        uses.extend(paths.iter().filter_map(|path| below_root(path, root, &here)));
                        continue;
                    }
                }
                Token::Word(_) | Token::Joint | Token::Mark(_) => {}
            }
            at += 1;
        }
        uses
    }

    fn before(&self, at: usize, steps: usize) -> Option<&Token> {
        self.tokens.get(at.checked_sub(steps)?).map(|(_, token)| token)
    }

    /// Takes the path that begins here apart, each branch of a group by itself; answers where it ends.
    fn path_tree(
        &self,
        mut at: usize,
        path: &mut Vec<(usize, String)>,
        paths: &mut Vec<Vec<(usize, String)>>,
    ) -> usize {
        loop {
            match self.tokens.get(at) {
                Some((line, Token::Word(word))) => {
                    path.push((*line, word.clone()));
                    at += 1;
                    match self.tokens.get(at) {
                        Some((_, Token::Joint)) => at += 1,
                        // The root under another name hides what is used of it.
                        Some((line, Token::Word(word))) if word == "as" => {
                            path.push((*line, word.clone()));
                            break;
                        }
                        _ => break,
                    }
                }
                Some((_, Token::Mark('{'))) => {
                    at += 1;
                    while !matches!(self.tokens.get(at), None | Some((_, Token::Mark('}')))) {
                        let next = self.path_tree(at, &mut path.clone(), paths);
                        at = next.max(at + 1);
                    }
                    return at + 1;
                }
                Some((line, Token::Mark('*'))) => {
                    path.push((*line, "*".to_owned()));
                    at += 1;
                    break;
                }
                _ => break,
            }
        }
        paths.push(path.clone());
        at
    }
}

/// The first module below the root that a path names; `None` where it stays inside its own.
fn below_root(path: &[(usize, String)], root: &str, home: &[String]) -> Option<(usize, String)> {
    let mut place = home.to_vec();
    for (line, segment) in path {
        match segment.as_str() {
            "self" => {}
            "super" => drop(place.pop()),
            word if word == root => place.clear(),
            _ => return place.is_empty().then(|| (*line, segment.clone())),
        }
    }
    None
}

/// The text without comments, strings, characters and numbers.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut tokens = Vec::new();
    while let Some(first) = reader.rest.chars().next() {
        let line = reader.line;
        if reader.rest.starts_with("//") {
            reader.skip(reader.rest.find('\n').unwrap_or(reader.rest.len()));
        } else if reader.rest.starts_with("/*") {
            reader.skip_comment();
        } else if first == '"' {
            reader.skip_quoted('"');
        } else if first == '\'' {
            reader.skip_character_or_lifetime();
        } else if first.is_alphabetic() || first == '_' {
            let word = reader.take_word();
            match (word, reader.rest.as_bytes().first()) {
                ("r" | "br" | "cr", Some(b'"' | b'#')) if reader.skip_raw_string() => {}
                ("r", Some(b'#')) => reader.skip(1),
                ("b" | "c", Some(b'"')) => reader.skip_quoted('"'),
                ("b", Some(b'\'')) => reader.skip_quoted('\''),
                _ => tokens.push((line, Token::Word(word.to_owned()))),
            }
        } else if first.is_numeric() {
            reader.take_word();
        } else if reader.rest.starts_with("::") {
            reader.skip(2);
            tokens.push((line, Token::Joint));
        } else {
            reader.skip(first.len_utf8());
            if !first.is_whitespace() {
                tokens.push((line, Token::Mark(first)));
            }
        }
    }
    tokens
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped
    }

    fn take_word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        self.skip(end.unwrap_or(self.rest.len()))
    }

    /// Comments nest.
    fn skip_comment(&mut self) {
        let mut depth = 0;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
                if depth == 0 {
                    return;
                }
            } else {
                self.skip(self.rest.chars().next().map_or(0, char::len_utf8));
            }
        }
    }

    /// A string or character up to its end, from its first quote on.
    fn skip_quoted(&mut self, quote: char) {
        let mut is_escaped = false;
        for (index, c) in self.rest.char_indices().skip(1) {
            if is_escaped {
                is_escaped = false;
            } else if c == '\\' {
                is_escaped = true;
            } else if c == quote {
                self.skip(index + c.len_utf8());
                return;
            }
        }
        self.skip(self.rest.len());
    }

    /// From the signs after the `r` on; `false` where they begin a raw name instead.
    fn skip_raw_string(&mut self) -> bool {
        let signs = self.rest.bytes().take_while(|byte| *byte == b'#').count();
        if self.rest.as_bytes().get(signs) != Some(&b'"') {
            return false;
        }
        let end = format!("\"{}", "#".repeat(signs));
        let inside = &self.rest[signs + 1..];
        let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
        self.skip(signs + 1 + length);
        true
    }

    fn skip_character_or_lifetime(&mut self) {
        let mut after = self.rest.chars().skip(1);
        let (first, second) = (after.next(), after.next());
        if first == Some('\\') || second == Some('\'') {
            self.skip_quoted('\'');
        } else {
            self.skip(1);
            self.take_word();
        }
    }
}
