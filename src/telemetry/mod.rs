//! What the service reports of itself: metrics, logs; and the only ambient time and randomness there is.

mod cluster_metrics;
mod current_trace;
mod logging;
mod metrics;
mod old_names;
mod relay_metrics;
mod rpc_series;
mod shared_clock;
mod system_clock;
mod tls_metrics;

pub use cluster_metrics::{cluster, handed_on, heartbeat_age, log_lag, role_changed};
pub use current_trace::{carried, current_trace, traced};
pub use logging::{LoggingError, init as init_logging};
pub use metrics::*;
pub use relay_metrics::{relay_behind, relay_failed, relay_lost, relay_published, relay_state};
pub use rpc_series::{RpcRunning, RpcSeries, RpcsRunning};
pub use shared_clock::{Asked, SharedClock};
pub use system_clock::{SystemClock, SystemEntropy};
pub use tls_metrics::{certificate_expires, handshake_failed};
