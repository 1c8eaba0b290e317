//! What the command line takes from the process: time, random bytes, and whether somebody types.

use std::io::IsTerminal as _;

use super::errors::Failure;
use crate::domain::Timestamp;

#[expect(
    clippy::disallowed_methods,
    reason = "a command line's \"15m ago\" means the user's own clock"
)]
pub fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

/// Random bytes, good enough for secrets.
#[expect(clippy::disallowed_methods, reason = "nothing here is replayed by a test")]
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Failure::Local(format!("the system gives no random numbers: {error}"))),
    }
}

/// A request id that nobody has used.
pub fn request_id() -> Result<String, Failure> {
    Ok(uuid::Builder::from_random_bytes(random()?).into_uuid().to_string())
}

/// Whether somebody types. Nobody does in tests, wherever they run.
pub fn has_terminal_input() -> bool {
    !cfg!(test) && std::io::stdin().is_terminal()
}

/// Whether somebody reads what is asked.
pub fn has_terminal_errors() -> bool {
    std::io::stderr().is_terminal()
}
