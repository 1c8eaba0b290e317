//! Where the command line takes time and secrets from the process; pauses take chance from `telemetry`.

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

/// Whether somebody is there who can be asked. Tests are not, wherever they run.
pub fn is_at_terminal() -> bool {
    use std::io::IsTerminal as _;
    !cfg!(test) && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
