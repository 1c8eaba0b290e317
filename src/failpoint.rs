//! Places at which a test can make the process die, to prove that no instant is a bad one.
//!
//! Only with the cargo feature `failpoints`, which no released build has. `WAGROUPS_FAILPOINT` names
//! the place, with `:N` for the N-th time that it is reached.

/// Dies here if the test said so.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static HITS: AtomicU64 = AtomicU64::new(0);

    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("WAGROUPS_FAILPOINT").ok()?;
        match text.split_once(':') {
            Some((name, count)) => Some((name.to_owned(), count.parse().ok()?)),
            None => Some((text, 1)),
        }
    });
    if let Some((wanted, count)) = wanted
        && wanted == name
        && HITS.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        // Nothing may run after this, no destructor and no buffer's flush, as with `kill -9`.
        let _ = std::io::stderr().write_all(format!("{name}\n").as_bytes());
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn hit(_name: &str) {}
