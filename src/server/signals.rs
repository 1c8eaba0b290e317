//! The signals on which the process stops.

use std::fmt;

use nix::sys::signal::SigSet;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why the service is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Terminate,
    Interrupt,
    /// Asked by the code that started it, as in tests.
    Asked,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Asked => "asked to",
        })
    }
}

/// Sent for a write past the limit that the process has for the size of files. The number is the same on Linux
/// (but for MIPS and PA-RISC) and on macOS.
const SIGXFSZ: i32 = 25;

/// Makes a write past the limit for the size of files fail as it would on a full disk; by default it ends the process.
/// Must be called inside the runtime.
pub fn outlive_file_size_limit() -> std::io::Result<()> {
    // Nobody waits for it: that there is a handler is what counts, and it stays.
    signal(SignalKind::from_raw(SIGXFSZ)).map(drop)
}

/// Signals to stop that are held back, by this thread and those that it makes. One that comes before anything listens
/// for it would end the process on the spot, and one that comes while that is being set up would be lost: tokio
/// installs the handler first, and then its receiver (a start with cold pages was seen to lose one).
#[derive(Debug)]
pub struct HeldSignals(SigSet);

impl HeldSignals {
    /// To be called before there is any other thread.
    pub fn hold() -> std::io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.add(nix::sys::signal::SIGTERM);
        signals.add(nix::sys::signal::SIGINT);
        signals.thread_block()?;
        Ok(Self(signals))
    }

    /// What came meanwhile comes now.
    pub fn release(self) -> std::io::Result<()> {
        Ok(self.0.thread_unblock()?)
    }
}

/// SIGTERM (as Kubernetes sends it) and SIGINT (Ctrl-C).
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Must be called inside the runtime, before anything that is to be stopped cleanly.
    pub fn listen() -> std::io::Result<Self> {
        outlive_file_size_limit()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
        }
    }
}
