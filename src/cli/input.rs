//! What a command reads besides its arguments: a file, or standard input where `-` stands for it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::errors::Failure;
use crate::tls::Trust;

/// Whether standard input was read, of which nothing is left then.
static IS_READ: AtomicBool = AtomicBool::new(false);

/// Far more than a subject or a description may have.
const MAX_TEXT_BYTES: u64 = 64 * 1024;

/// A secret with its line break.
const MAX_SECRET_BYTES: u64 = 1024;

/// All of it, unless it is larger than the service would take.
pub fn read(path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| Failure::Local(format!("cannot read {}: {error}", name(path)));
    if path == "-" {
        if IS_READ.swap(true, Ordering::Relaxed) {
            return Err(Failure::Usage(
                "- can stand for one thing only: it is read once".to_owned(),
            ));
        }
        return bounded(io::stdin().lock(), path, limit);
    }
    bounded(File::open(path).map_err(failed)?, path, limit)
}

pub fn read_text(path: &str, limit: u64) -> Result<String, Failure> {
    String::from_utf8(read(path, limit)?)
        .map_err(|_| Failure::Usage(format!("{} is no text in UTF-8", name(path))))
}

/// A text that is given on the line, or from standard input where it is `-`: without the line break at its end.
pub fn text_argument(text: String) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text);
    }
    let text = read_text("-", MAX_TEXT_BYTES)?;
    let without = text.strip_suffix('\n').unwrap_or(&text);
    Ok(without.strip_suffix('\r').unwrap_or(without).to_owned())
}

/// A secret in a file, without the line break that editors leave at its end.
pub fn read_secret(path: &str) -> Result<String, Failure> {
    let text = read_text(path, MAX_SECRET_BYTES)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Mozilla's list of authorities, and those of a file.
pub fn trusting(ca_file: Option<&Path>) -> Result<Trust, Failure> {
    match ca_file {
        Some(file) => Trust::default().and_of(file).map_err(Failure::Usage),
        None => Ok(Trust::default()),
    }
}

fn bounded(source: impl Read, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Local(format!("cannot read {}: {error}", name(path))))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Failure::Usage(format!("{} is larger than {limit} bytes", name(path))));
    }
    Ok(bytes)
}

fn name(path: &str) -> &str {
    if path == "-" { "standard input" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_may_be_sent() {
        assert_eq!(bounded(&b"abc"[..], "-", 3).ok().as_deref(), Some(&b"abc"[..]));
        let failure = bounded(io::repeat(0), "big", 3).expect_err("endless");
        assert_eq!(failure.exit_code(), 2);
        assert_eq!(failure.to_string(), "big is larger than 3 bytes");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let failure = read("/no/such/file", 3).expect_err("no file");
        assert!(failure.to_string().starts_with("cannot read /no/such/file: "), "{failure}");
    }
}
