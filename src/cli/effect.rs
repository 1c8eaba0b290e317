//! What a call changes, which decides whether it may be sent twice.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Changes what shall be, without a request id: sent again only if the service says that nothing
    /// happened.
    Once,
    /// A change with a request id, which makes it safe to send again.
    Change {
        request_id: String,
        /// The command that repeats it.
        command: String,
    },
}
