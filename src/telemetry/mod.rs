//! What the service tells of itself: metrics, logs; and the only ambient time and chance there is.

mod ambient;
mod logging;
mod metrics;

pub use ambient::{SystemClock, SystemEntropy};
pub use logging::{LoggingError, init as init_logging};
pub use metrics::*;
