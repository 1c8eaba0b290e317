//! Places at which a test can make the process die, to prove that no instant is a bad one.
//!
//! Only with the cargo feature `failpoints`, which no released build has. `WAGROUPS_FAILPOINT` names
//! the place, with `:N` for the N-th time that it is reached. With `=stop` behind it the process is frozen there, as by
//! SIGSTOP, until the test lets it go on.

/// Dies here, or is frozen here, if the test said so.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64, bool)>> = OnceLock::new();
    static HITS: AtomicU64 = AtomicU64::new(0);

    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("WAGROUPS_FAILPOINT").ok()?;
        let (place, stops) = match text.strip_suffix("=stop") {
            Some(place) => (place, true),
            None => (text.as_str(), false),
        };
        match place.split_once(':') {
            Some((name, count)) => Some((name.to_owned(), count.parse().ok()?, stops)),
            None => Some((place.to_owned(), 1, stops)),
        }
    });
    if let Some((wanted, count, stops)) = wanted
        && wanted == name
        && HITS.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        if *stops {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::STOP,
            );
            return;
        }
        // Nothing may run after this, no destructor and no buffer's flush, as with `kill -9`.
        let _ = std::io::stderr().write_all(format!("{name}\n").as_bytes());
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn hit(_name: &str) {}
