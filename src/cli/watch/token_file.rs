//! The file that holds the place of a watch.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::start::{token_from_text, token_to_text};
use crate::cli::errors::Failure;

/// Holds one token as base64. It is replaced as a whole: whoever reads it, and whatever crashes,
/// finds the old token or the new one.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    token: Option<Bytes>,
}

impl TokenFile {
    /// Reads the file. One that does not exist yet is fine where it could be written.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        let failed =
            |cause: String| Failure::Local(format!("--follow-file {}: {cause}", path.display()));
        let token = match fs::read_to_string(&path) {
            Ok(text) => Some(token_from_text(&text).map_err(|cause| {
                failed(format!(
                    "{cause}; it is no file of ours, or damaged: remove it to begin anew"
                ))
            })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error.to_string())),
        };
        // Found out now, and not after the first event.
        let probe = temporary(&path);
        File::create(&probe)
            .and_then(|_| fs::remove_file(&probe))
            .map_err(|error| failed(format!("cannot write beside it: {error}")))?;
        Ok(Self { path, token })
    }

    pub fn token(&self) -> Option<Bytes> {
        self.token.clone()
    }

    pub fn store(&mut self, token: &Bytes) -> Result<(), Failure> {
        if self.token.as_ref() == Some(token) {
            return Ok(());
        }
        replace(&self.path, &format!("{}\n", token_to_text(token))).map_err(|error| {
            Failure::Local(format!(
                "--follow-file {}: cannot write it: {error}",
                self.path.display()
            ))
        })?;
        self.token = Some(token.clone());
        Ok(())
    }
}

/// In the same folder: a rename across file systems is none.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temporary = temporary(path);
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    // Else the rename may reach the disk before the text, and a power cut leaves an empty file.
    file.sync_data()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_and_leaves_no_other_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("place");
        let mut file = TokenFile::open(path.clone()).expect("none yet");
        assert_eq!(file.token(), None);
        file.store(&Bytes::from_static(&[1, 2, 3])).expect("stored");
        file.store(&Bytes::from_static(&[4])).expect("stored");
        assert_eq!(fs::read_to_string(&path).expect("text"), "BA==\n");
        assert_eq!(TokenFile::open(path).expect("there").token(), Some(Bytes::from_static(&[4])));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_crash_before_the_rename_leaves_the_old_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("place");
        let mut file = TokenFile::open(path.clone()).expect("none yet");
        file.store(&Bytes::from_static(&[1])).expect("stored");
        fs::write(temporary(&path), "half a tok").expect("written");
        let mut file = TokenFile::open(path.clone()).expect("there");
        assert_eq!(file.token(), Some(Bytes::from_static(&[1])));
        file.store(&Bytes::from_static(&[2])).expect("stored");
        assert_eq!(TokenFile::open(path).expect("there").token(), Some(Bytes::from_static(&[2])));
    }

    #[test]
    fn a_file_that_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes");
        for text in ["my notes\n", ""] {
            fs::write(&path, text).expect("written");
            let failure = TokenFile::open(path.clone()).expect_err("no token");
            assert!(failure.to_string().contains("remove it"), "{failure}");
            assert_eq!(fs::read_to_string(&path).expect("text"), text);
        }
    }

    #[test]
    fn a_folder_that_does_not_exist_is_found_out_at_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(TokenFile::open(folder.path().join("no/such")).is_err());
    }
}
