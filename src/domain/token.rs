//! Resume tokens: where in which log a watcher stands.

use super::counter::Position;
use super::error::{Error, Result};
use super::log_position::{Fingerprint, LogPosition};
use super::reason::Reason;

/// Names one log; another database, or one migrated with `--new-log-id` after a restore, has another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub [u8; 7]);

impl std::fmt::Display for LogId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl LogId {
    pub fn from_random(random: u64) -> Self {
        let mut id = [0; 7];
        id.copy_from_slice(&random.to_le_bytes()[..7]);
        Self(id)
    }
}

/// Everything in this log up to and including a position has been seen.
///
/// 24 bytes at most, so that an event and its token stay below the 256 bytes at which the HTTP/2
/// library needs a second write. Neither signed nor bound to a caller: a token grants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeToken {
    pub log_id: LogId,
    pub at: LogPosition,
}

const VERSION: u8 = 1;
const LENGTH: usize = 24;

impl ResumeToken {
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1..8].copy_from_slice(&self.log_id.0);
        bytes[8..16].copy_from_slice(&self.at.position.get().to_be_bytes());
        bytes[16..24].copy_from_slice(&self.at.fingerprint.0);
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let malformed = || {
            Error::new(
                Reason::InvalidResumeToken,
                "resume_token is not one that this service gave out; pass the bytes of an earlier response \
                 unchanged, or start without one",
            )
            .blaming("resume_token", "must be the bytes of an earlier response")
        };
        let bytes: [u8; LENGTH] = bytes.try_into().map_err(|_| malformed())?;
        if bytes[0] != VERSION {
            return Err(malformed());
        }
        let mut log_id = [0; 7];
        let mut position = [0; 8];
        let mut fingerprint = [0; 8];
        log_id.copy_from_slice(&bytes[1..8]);
        position.copy_from_slice(&bytes[8..16]);
        fingerprint.copy_from_slice(&bytes[16..24]);
        let position = Position::try_from(u64::from_be_bytes(position)).map_err(|_| malformed())?;
        let at = LogPosition { position, fingerprint: Fingerprint(fingerprint) };
        Ok(Self { log_id: LogId(log_id), at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_s_id_is_7_random_bytes_and_prints_as_hexadecimal() {
        let id = LogId::from_random(0xff07_0605_0403_0201);
        assert_eq!(id, LogId([1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(id.to_string(), "01020304050607");
    }

    /// Clients keep tokens over updates of the service.
    #[test]
    fn the_bytes_of_a_token_stay_what_they_are() {
        let at = LogPosition { position: Position::from(0x102), fingerprint: Fingerprint([9; 8]) };
        let token = ResumeToken { log_id: LogId([7; 7]), at };
        let bytes = [&[1][..], &[7; 7], &[0, 0, 0, 0, 0, 0, 1, 2], &[9; 8]].concat();
        assert_eq!(token.encode().to_vec(), bytes);
    }
}
