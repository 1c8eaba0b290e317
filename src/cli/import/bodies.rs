//! Recorded bodies, read one by one from files, folders and standard input.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::vec;

use bytes::Bytes;

use crate::cli::errors::Failure;

/// No listener takes larger ones, and a line without an end must not fill the memory.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// One recorded body, and where it stands.
#[derive(Debug)]
pub struct Body {
    pub bytes: Bytes,
    path: String,
    /// Counted from 1; 0 where the file is one body.
    line: u64,
}

impl Body {
    /// With the line's end.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64 + u64::from(self.line > 0)
    }

    pub fn place(&self) -> String {
        match self.line {
            0 => self.path.clone(),
            line => format!("{}:{line}", self.path),
        }
    }
}

/// All bodies of some paths, in their order.
pub struct Bodies {
    paths: vec::IntoIter<PathBuf>,
    total_bytes: Option<u64>,
    open: Option<Lines>,
    failed: bool,
}

struct Lines {
    source: Box<dyn BufRead + Send>,
    path: String,
    line: u64,
}

impl Bodies {
    pub fn of(paths: &[String]) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for path in paths {
            let path = Path::new(path);
            if path.is_dir() {
                files.extend(recordings(path)?);
            } else {
                files.push(path.to_owned());
            }
        }
        if files.is_empty() {
            return Err(Failure::Usage(
                "there are no .jsonl, .ndjson or .json files in that folder".to_owned(),
            ));
        }
        let sizes = files.iter().map(|path| {
            if is_stdin(path) { None } else { fs::metadata(path).ok().map(|file| file.len()) }
        });
        let total_bytes = sizes.sum();
        Ok(Self { paths: files.into_iter(), total_bytes, open: None, failed: false })
    }

    /// None where standard input is among them.
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    fn read_next(&mut self) -> Result<Option<Body>, Failure> {
        loop {
            if let Some(lines) = &mut self.open {
                match lines.read_next()? {
                    Some(body) => return Ok(Some(body)),
                    None => self.open = None,
                }
            }
            let Some(path) = self.paths.next() else { return Ok(None) };
            let name = path.display().to_string();
            if is_stdin(&path) {
                let source = Box::new(BufReader::new(io::stdin()));
                self.open = Some(Lines { source, path: "standard input".to_owned(), line: 0 });
                continue;
            }
            let file = File::open(&path).map_err(|error| unreadable(&name, &error))?;
            if path.extension() == Some(OsStr::new("json")) {
                let mut bytes = Vec::new();
                file.take(MAX_BYTES)
                    .read_to_end(&mut bytes)
                    .map_err(|error| unreadable(&name, &error))?;
                return Ok(Some(Body { bytes: bytes.into(), path: name, line: 0 }));
            }
            self.open = Some(Lines { source: Box::new(BufReader::new(file)), path: name, line: 0 });
        }
    }
}

impl Iterator for Bodies {
    type Item = Result<Body, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = self.read_next();
        self.failed = read.is_err();
        read.transpose()
    }
}

impl Lines {
    /// The next line that is not blank, without its end.
    fn read_next(&mut self) -> Result<Option<Body>, Failure> {
        loop {
            let mut bytes = Vec::new();
            let read = (&mut self.source)
                .take(MAX_BYTES)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| unreadable(&self.path, &error))?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            if bytes.len() as u64 == MAX_BYTES && !bytes.ends_with(b"\n") {
                let place = format!("{}:{}", self.path, self.line);
                return Err(Failure::Local(format!("{place} is longer than {MAX_BYTES} bytes")));
            }
            while matches!(bytes.last(), Some(b'\n' | b'\r')) {
                bytes.pop();
            }
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                let (path, line) = (self.path.clone(), self.line);
                return Ok(Some(Body { bytes: bytes.into(), path, line }));
            }
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn unreadable(path: &str, error: &io::Error) -> Failure {
    Failure::Local(format!("cannot read {path}: {error}"))
}

/// The recordings in a folder, by name.
fn recordings(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = folder.display().to_string();
    let entries = fs::read_dir(folder).map_err(|error| unreadable(&name, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&name, &error))?.path();
        let known = ["jsonl", "ndjson", "json"];
        if known.iter().any(|known| path.extension() == Some(OsStr::new(known))) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_by_name_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        write("b.ndjson", "3\r\n").expect("a file");
        write("a.jsonl", "1\n\n  \n2").expect("a file");
        write("c.json", "{\n}\n").expect("a file");
        write("notes.txt", "no").expect("a file");
        let path = folder.path().display().to_string();
        let bodies = Bodies::of(std::slice::from_ref(&path)).expect("files");
        assert_eq!(bodies.total_bytes(), Some(6 + 3 + 4 + 1));
        let read: Vec<(String, Bytes)> = bodies
            .map(|body| body.map(|body| (body.place().replace(&path, ""), body.bytes)))
            .collect::<Result<_, _>>()
            .expect("bodies");
        let expected =
            [("/a.jsonl:1", "1"), ("/a.jsonl:4", "2"), ("/b.ndjson:1", "3"), ("/c.json", "{\n}\n")];
        assert_eq!(read, expected.map(|(place, text)| (place.to_owned(), Bytes::from(text))));
    }

    #[test]
    fn what_cannot_be_read_is_named_once() {
        let mut bodies = Bodies::of(&["/no/such/file.jsonl".to_owned()]).expect("a name");
        let failure = bodies.next().expect("a failure").expect_err("no file");
        assert!(failure.to_string().starts_with("cannot read /no/such/file.jsonl"), "{failure}");
        assert!(bodies.next().is_none());
        let empty = tempfile::tempdir().expect("a folder").path().display().to_string();
        assert!(
            Bodies::of(&[empty]).is_ok_and(|mut bodies| bodies.next().is_some_and(|b| b.is_err()))
        );
    }
}
