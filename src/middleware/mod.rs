mod status;
pub use status::to_status;
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub tokio::time::Instant);
