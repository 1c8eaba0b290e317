//! The files of an SQLite database: whose they are, who may read them, and whether they are still there.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, Weak};

use crate::repository::open::OpenError;

/// For the owner alone: the file holds numbers, names and the secrets of webhooks.
const OWNER_ONLY: u32 = 0o600;

/// The database, locked against other processes for as long as this one lives, however it ends.
#[derive(Debug)]
pub(in crate::repository) struct Files {
    /// Where it really is, also where the URL names a symbolic link.
    path: PathBuf,
    /// The database itself, locked. As long as SQLite has the file open, this must stay open: when a
    /// process closes any descriptor of a file, all its POSIX locks on that file go, SQLite's too.
    database: File,
    /// Which file `-wal` is, once SQLite has made it. It stays the same while a connection is open.
    wal: OnceLock<Identity>,
    /// What earlier versions lock instead; kept so that one of those stays away.
    _beside: File,
}

/// Its device and its number there.
type Identity = (u64, u64);

impl Files {
    /// Makes the database's file where there is none and `create` is set, and locks it.
    pub fn take(named: &Path, create: bool) -> Result<Self, OpenError> {
        let fault = |cause: String| OpenError::File { path: named.to_owned(), cause };
        if !create && !named.exists() {
            return Err(OpenError::NoSuchFile(named.to_owned()));
        }
        let path = resolved(named).map_err(|error| fault(error.to_string()))?;

        // This one first: where it is locked already, the database itself is not even opened.
        let beside_path = with_suffix(&path, ".lock");
        let beside = open(&beside_path, true)
            .map_err(|error| fault(format!("its lock file {}: {error}", beside_path.display())))?;
        lock(&beside, named)?;

        let database = open(&path, create).map_err(|error| fault(error.to_string()))?;
        if let Err(refused) = lock(&database, named) {
            // Another part of this very process may have the database open, under another name.
            // Closing the descriptor would take its locks away, so it is left open.
            std::mem::forget(database);
            return Err(refused);
        }
        let files = Self { path, database, wal: OnceLock::new(), _beside: beside };
        let metadata = files.database.metadata().map_err(|error| fault(error.to_string()))?;
        if !metadata.is_file() {
            return Err(fault("it is not a file".to_owned()));
        }
        if metadata.nlink() > 1 {
            return Err(fault(format!(
                "it has {} names (hard links), and SQLite keeps what was written last beside the name under which \
                 it was opened, so that it would be missed under another; leave it one name, and copy it with \
                 `sqlite3 FILE '.backup COPY'`",
                metadata.nlink()
            )));
        }
        files.close_to_others();
        Ok(files)
    }

    /// Where the database really is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the paths still lead to the files that SQLite has open. What is written to one that was removed
    /// or replaced would be lost with this process.
    pub fn are_in_place(&self) -> Result<(), Error> {
        in_place(&self.path, identity(&self.database.metadata()?))?;
        let wal = with_suffix(&self.path, "-wal");
        match self.wal.get() {
            Some(known) => in_place(&wal, *known),
            None => {
                if let Ok(metadata) = fs::metadata(&wal) {
                    let _ = self.wal.set(identity(&metadata));
                }
                Ok(())
            }
        }
    }

    /// SQLite makes `-wal` and `-shm` with the mode of the database, but leaves those that are there as they are.
    fn close_to_others(&self) {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let path = with_suffix(&self.path, suffix);
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let mode = metadata.permissions().mode() & 0o7777;
            if mode & !OWNER_ONLY == 0 {
                continue;
            }
            let (path, now) = (path.display(), mode & OWNER_ONLY);
            match fs::set_permissions(with_suffix(&self.path, suffix), Permissions::from_mode(now))
            {
                Ok(()) => tracing::info!(
                    %path,
                    before = format!("{mode:04o}"),
                    now = format!("{now:04o}"),
                    "only its owner can read the database's file now"
                ),
                Err(error) => tracing::warn!(
                    %path,
                    mode = format!("{mode:04o}"),
                    %error,
                    "others can read the database's file, and it does not belong to this process' user"
                ),
            }
        }
    }
}

/// The same of files that may be closed by now.
pub(super) fn are_in_place(files: &Weak<Files>) -> Result<(), Error> {
    files.upgrade().map_or(Ok(()), |files| files.are_in_place())
}

fn in_place(path: &Path, known: Identity) -> Result<(), Error> {
    let lost = |kind, what: &str| {
        Err(Error::new(kind, format!("{} was {what} while it was in use", path.display())))
    };
    match fs::metadata(path) {
        Ok(found) if identity(&found) == known => Ok(()),
        Ok(_) => lost(ErrorKind::AlreadyExists, "replaced by another file"),
        Err(error) => lost(error.kind(), "moved or removed"),
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

fn open(path: &Path, create: bool) -> Result<File, Error> {
    OpenOptions::new()
        .create(create)
        .read(true)
        .write(true)
        .truncate(false)
        .mode(OWNER_ONLY)
        .open(path)
}

fn lock(file: &File, named: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(named.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::File {
            path: named.to_owned(),
            cause: format!(
                "its file system does not lock files ({error}); use a local disk, or PostgreSQL"
            ),
        }),
    }
}

/// The path without symbolic links. The last part need not exist, nor where a last link points to.
fn resolved(named: &Path) -> Result<PathBuf, Error> {
    match fs::canonicalize(named) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let target = match fs::read_link(named) {
                Ok(target) => named.parent().unwrap_or(Path::new("")).join(target),
                Err(_) => named.to_owned(),
            };
            let folder = match target.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = target.file_name().ok_or(ErrorKind::InvalidInput)?;
            Ok(fs::canonicalize(folder)?.join(name))
        }
        resolved => resolved,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
