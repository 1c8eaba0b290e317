//! What an error of the database means to the caller. The one place that knows their codes.

use sea_orm::sqlx;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{DbErr, RuntimeErr};

use crate::domain::port::repository::StoreError;

/// How far a write had got when the error came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing can have been written: a read, or a transaction before its COMMIT.
    Undecided,
    /// COMMIT was sent, or a statement that commits by itself.
    Committing,
}

impl Stage {
    /// The connection is gone, or no longer makes sense.
    fn lost(self, text: String) -> StoreError {
        match self {
            Self::Undecided => StoreError::Unavailable(text),
            Self::Committing => StoreError::CommitUnknown(text),
        }
    }
}

/// Of a read, or of a statement in a transaction.
pub(super) fn undecided(error: DbErr) -> StoreError {
    classify(Stage::Undecided, &error)
}

/// Of a COMMIT, or of a single statement that writes.
pub(super) fn committing(error: DbErr) -> StoreError {
    classify(Stage::Committing, &error)
}

fn classify(stage: Stage, error: &DbErr) -> StoreError {
    match error {
        // Nothing was sent yet.
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => StoreError::Unavailable(error.to_string()),
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            of_driver(stage, error)
        }
        DbErr::Exec(_) | DbErr::Query(_) | DbErr::MutexPoisonError => stage.lost(error.to_string()),
        // A value that does not fit its column.
        DbErr::TryIntoErr { .. }
        | DbErr::ConvertFromU64(_)
        | DbErr::Type(_)
        | DbErr::Json(_)
        | DbErr::RecordNotFound(_) => StoreError::Corrupt(error.to_string()),
        // Ours to avoid: statements that cannot be built or make no sense.
        DbErr::UnpackInsertId
        | DbErr::UpdateGetPrimaryKey
        | DbErr::AttrNotSet(_)
        | DbErr::Custom(_)
        | DbErr::Migration(_)
        | DbErr::RecordNotInserted
        | DbErr::RecordNotUpdated
        | DbErr::BackendNotSupported { .. }
        | DbErr::KeyArityMismatch { .. }
        | DbErr::PrimaryKeyNotSet { .. }
        | DbErr::RbacError(_)
        | DbErr::AccessDenied { .. } => StoreError::Failed(error.to_string()),
        // The enum is open; what is new may have happened at any point.
        _ => stage.lost(error.to_string()),
    }
}

/// Of a statement that went past sea-orm.
pub(super) fn of_driver(stage: Stage, error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(database) => coded(stage, database.as_ref()),
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Tls(_) => StoreError::Unavailable(error.to_string()),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            stage.lost(error.to_string())
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
            StoreError::Corrupt(error.to_string())
        }
        sqlx::Error::InvalidArgument(_) | sqlx::Error::Encode(_) => {
            StoreError::Refused(error.to_string())
        }
        sqlx::Error::Configuration(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::AnyDriverError(_)
        | sqlx::Error::InvalidSavePointStatement => StoreError::Failed(error.to_string()),
        _ => stage.lost(error.to_string()),
    }
}

fn coded(stage: Stage, error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let text = format!("{} [{code}]", error.message());
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return sqlstate::meaning(stage, &code, text);
    }
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return sqlite_code::meaning(stage, code.parse().unwrap_or_default(), text);
    }
    stage.lost(text)
}

/// PostgreSQL, appendix A. The first two characters are the class.
mod sqlstate {
    use super::{Stage, StoreError};

    const CONNECTION_EXCEPTION: &str = "08";
    const DATA_EXCEPTION: &str = "22";
    const INTEGRITY_CONSTRAINT_VIOLATION: &str = "23";
    const INVALID_TRANSACTION_STATE: &str = "25";
    const INVALID_AUTHORIZATION: &str = "28";
    const TRANSACTION_ROLLBACK: &str = "40";
    const STATEMENT_COMPLETION_UNKNOWN: &str = "40003";
    const INSUFFICIENT_RESOURCES: &str = "53";
    const PROGRAM_LIMIT_EXCEEDED: &str = "54";
    const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55";
    const OPERATOR_INTERVENTION: &str = "57";
    const CRASH_SHUTDOWN: &str = "57P02";
    const SYSTEM_ERROR: &str = "58";
    const DATA_CORRUPTED: &str = "XX001";
    const INDEX_CORRUPTED: &str = "XX002";
    /// Ours: raised by the trigger `fence`. Of the class "operator intervention", so that a process of a version that knows no
    /// fence takes it for what it is: nothing was done, and it is to be tried again, elsewhere.
    const NOT_THE_OWNER: &str = "57WG1";
    /// As a database has it that was migrated by a commit of before.
    const NOT_THE_OWNER_BEFORE: &str = "WG001";

    pub fn meaning(stage: Stage, code: &str, text: String) -> StoreError {
        match code {
            // Sent to every connection when a server process has crashed, at any point.
            STATEMENT_COMPLETION_UNKNOWN | CRASH_SHUTDOWN => return stage.lost(text),
            DATA_CORRUPTED | INDEX_CORRUPTED => return StoreError::Corrupt(text),
            NOT_THE_OWNER | NOT_THE_OWNER_BEFORE => return StoreError::NotOwner(text),
            _ => {}
        }
        match code.get(..2).unwrap_or_default() {
            CONNECTION_EXCEPTION => stage.lost(text),
            // Deadlock, serialization failure, read-only standby, no memory or disk, lock or
            // statement timeout, shutdown: the server reports that it has done nothing.
            TRANSACTION_ROLLBACK
            | INVALID_TRANSACTION_STATE
            | INVALID_AUTHORIZATION
            | INSUFFICIENT_RESOURCES
            | OBJECT_NOT_IN_PREREQUISITE_STATE
            | OPERATOR_INTERVENTION
            | SYSTEM_ERROR => StoreError::Unavailable(text),
            DATA_EXCEPTION | INTEGRITY_CONSTRAINT_VIOLATION | PROGRAM_LIMIT_EXCEEDED => {
                StoreError::Refused(text)
            }
            // A table that is not there, a right that was taken, an error inside the server.
            _ => StoreError::Failed(text),
        }
    }
}

/// SQLite, "Result and Error Codes". The low byte is the primary code.
mod sqlite_code {
    use super::{Stage, StoreError};

    const PERM: i32 = 3;
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NOMEM: i32 = 7;
    const READONLY: i32 = 8;
    const INTERRUPT: i32 = 9;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    const PROTOCOL: i32 = 15;
    const TOOBIG: i32 = 18;
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    const NOTADB: i32 = 26;

    pub fn meaning(stage: Stage, code: i32, text: String) -> StoreError {
        match code & 0xff {
            // A failed write to the disk may have reached it.
            IOERR => stage.lost(text),
            PERM | BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | FULL | CANTOPEN | PROTOCOL => {
                StoreError::Unavailable(text)
            }
            CORRUPT | NOTADB => StoreError::Corrupt(text),
            TOOBIG | CONSTRAINT | MISMATCH => StoreError::Refused(text),
            _ => StoreError::Failed(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(stage: Stage, code: &str) -> StoreError {
        sqlstate::meaning(stage, code, String::new())
    }

    #[test]
    fn a_lost_connection_leaves_a_commit_unknown_and_a_read_repeatable() {
        let gone = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(of_driver(Stage::Committing, &gone()), StoreError::CommitUnknown(_)));
        assert!(matches!(of_driver(Stage::Undecided, &gone()), StoreError::Unavailable(_)));
        let never_sent = DbErr::Conn(RuntimeErr::SqlxError(gone().into()));
        assert!(matches!(committing(never_sent), StoreError::Unavailable(_)));
        assert!(matches!(postgres(Stage::Committing, "57P02"), StoreError::CommitUnknown(_)));
    }

    #[test]
    fn what_the_server_has_undone_may_be_tried_again() {
        for code in ["40001", "40P01", "53300", "55P03", "57014", "57P01", "57P03", "25006"] {
            assert!(
                matches!(postgres(Stage::Committing, code), StoreError::Unavailable(_)),
                "{code}"
            );
        }
    }

    #[test]
    fn bad_data_is_refused() {
        for code in ["22021", "23505", "54000"] {
            assert!(matches!(postgres(Stage::Committing, code), StoreError::Refused(_)), "{code}");
        }
        for code in [19, 2067, 18] {
            let meaning = sqlite_code::meaning(Stage::Committing, code, String::new());
            assert!(matches!(meaning, StoreError::Refused(_)), "{code}");
        }
    }

    #[test]
    fn what_is_not_said_of_the_data_is_no_refusal_of_it() {
        for code in ["XX000", "42P01", "42501", "26000", "0A000", "P0001"] {
            assert!(matches!(postgres(Stage::Committing, code), StoreError::Failed(_)), "{code}");
        }
        let (no_such_table, schema_changed) = (1, 17);
        for code in [no_such_table, schema_changed] {
            let meaning = sqlite_code::meaning(Stage::Committing, code, String::new());
            assert!(matches!(meaning, StoreError::Failed(_)), "{code}");
        }
    }

    /// In WAL mode SQLite shows a commit once its last frame is written, which a full disk prevents. A failed
    /// write or synchronization may leave that frame, and the next recovery would find it.
    #[test]
    fn a_full_disk_has_not_committed_and_a_failing_one_may_have() {
        let meaning = |stage, code| sqlite_code::meaning(stage, code, String::new());
        let (full, busy, read_only, moved) = (13, 5, 8, 1032);
        for code in [full, busy, read_only, moved] {
            for stage in [Stage::Undecided, Stage::Committing] {
                assert!(matches!(meaning(stage, code), StoreError::Unavailable(_)), "{code}");
            }
        }
        let (write, fsync, growth_of_shm) = (778, 1034, 4874);
        for code in [write, fsync, growth_of_shm] {
            let committing = meaning(Stage::Committing, code);
            assert!(matches!(committing, StoreError::CommitUnknown(_)), "{code}");
            assert!(
                matches!(meaning(Stage::Undecided, code), StoreError::Unavailable(_)),
                "{code}"
            );
        }
    }
}
