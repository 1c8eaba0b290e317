//! What the service tells of itself: metrics, logs; and the only ambient time and chance there is.

mod ambient;
mod logging;
mod metrics;
mod rpc_series;

pub use ambient::{SystemClock, SystemEntropy};
pub use logging::{LoggingError, init as init_logging};
pub use metrics::*;
pub use rpc_series::{RpcRunning, RpcSeries, RpcsRunning};
