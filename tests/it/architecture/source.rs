//! A file of the crate, read as text: which modules it names.
//!
//! Comments, strings and characters are left out; what remains is enough to find every path.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Cargo.toml is.
pub fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The module right below the root that a file of `src` belongs to; `None` for the root itself.
pub fn top_module(in_src: &Path) -> Option<String> {
    let first = in_src.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib").then(|| module.to_owned())
}

/// One file, taken apart as far as paths need it.
pub struct Source {
    pub path: PathBuf,
    pub text: String,
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
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(manifest_dir().join(path)).expect("a source file");
        Self::new(path, &text)
    }

    pub fn new(path: impl AsRef<Path>, text: &str) -> Self {
        Self { path: path.as_ref().to_owned(), text: text.to_owned(), tokens: tokens(text) }
    }

    pub fn module(&self) -> String {
        let in_src = self.path.strip_prefix("src").expect("a path in src");
        top_module(in_src).unwrap_or_default()
    }

    pub fn words(&self) -> impl Iterator<Item = (usize, &str)> {
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

    /// The modules below the crate's root that the file names, each with its line.
    pub fn uses(&self) -> Vec<(usize, String)> {
        self.names(|path, root, home| below(&[], path, root, home))
    }

    /// What the file names right below a module that it is part of, each with its line.
    pub fn uses_below(&self, module: &str) -> Vec<(usize, String)> {
        self.names(|path, root, home| below(&[module], path, root, home))
    }

    fn names(
        &self,
        named: impl Fn(&[(usize, String)], &str, &[String]) -> Option<(usize, String)>,
    ) -> Vec<(usize, String)> {
        // The program is a crate of its own, and the library is a stranger to it.
        let is_program = self.path == Path::new("src/main.rs");
        let root = if is_program { "wagroups" } else { "crate" };
        let home = self.home();
        let mut uses = Vec::new();
        // Modules written out in the file that the place is inside of, by how deep they opened.
        let mut inner: Vec<(usize, String)> = Vec::new();
        let mut depth: usize = 0;
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
                    depth = depth.saturating_sub(1);
                    inner.retain(|(opened, _)| *opened < depth);
                }
                // A file elsewhere would be read as a part of another module than it is.
                Token::Word(word)
                    if word == "path"
                        && self.before(at, 1) == Some(&Token::Mark('['))
                        && self.before(at, 2) == Some(&Token::Mark('#')) =>
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
                        uses.extend(paths.iter().filter_map(|path| named(path, root, &here)));
                        continue;
                    }
                }
                Token::Word(_) | Token::Joint | Token::Mark(_) => {}
            }
            at += 1;
        }
        uses.dedup();
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
                        if self.tokens[at].1 == Token::Mark(',') {
                            at += 1;
                        } else {
                            let next = self.path_tree(at, &mut path.clone(), paths);
                            at = next.max(at + 1);
                        }
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

/// What a path names first below the module `base`; `None` where it stays outside, or inside its own.
fn below(
    base: &[&str],
    path: &[(usize, String)],
    root: &str,
    home: &[String],
) -> Option<(usize, String)> {
    let mut place = home.to_vec();
    for (line, segment) in path {
        match segment.as_str() {
            "self" => {}
            "super" => {
                place.pop();
            }
            word if word == root => place.clear(),
            word if place.len() < base.len() => place.push(word.to_owned()),
            _ => return (place == base).then(|| (*line, segment.clone())),
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
                // A raw name, `r#type`; the name itself comes next.
                ("r", Some(b'#')) => {
                    reader.skip(1);
                }
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
