//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the process may by itself, and answers what it is then. Service managers and shells begin
/// with 1,024 for the sake of programs that use `select`, and let each program ask for more.
pub(super) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if setrlimit(Resource::Nofile, raised).is_err() {
        tracing::debug!("the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_limit_is_what_the_process_may_have_at_most() {
        let hard = super::getrlimit(super::Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(super::raise(), hard);
    }
}
