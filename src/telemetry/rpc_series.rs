//! What is measured of each RPC. A call looks nothing up by name: each RPC keeps its series.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tonic::Code;

use super::metrics::{RPC_SECONDS, RPCS, RPCS_RUNNING};

/// The codes of gRPC are numbered from 0 to 16.
const CODES: usize = 17;

/// The series of one RPC; each is there from the first call that it is of.
pub struct RpcSeries {
    service: String,
    method: String,
    seconds: OnceLock<Histogram>,
    by_code: [OnceLock<Counter>; CODES],
}

impl RpcSeries {
    pub fn new(service: &str, method: &str) -> Self {
        Self {
            service: service.to_owned(),
            method: method.to_owned(),
            seconds: OnceLock::new(),
            by_code: Default::default(),
        }
    }

    /// A call has been answered.
    pub fn ended(&self, code: Code, elapsed: Duration) {
        let labels = || [("service", self.service.clone()), ("method", self.method.clone())];
        self.seconds.get_or_init(|| histogram!(RPC_SECONDS, &labels())).record(elapsed);
        let count = || {
            let [service, method] = labels();
            counter!(RPCS, "service" => service.1, "method" => method.1, "code" => format!("{code:?}"))
        };
        if let Some(by_code) = self.by_code.get(code as usize) {
            by_code.get_or_init(count).increment(1);
        }
    }
}

impl fmt::Debug for RpcSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcSeries({}/{})", self.service, self.method)
    }
}

/// How many calls wait for their answer.
#[derive(Clone)]
pub struct RpcsRunning(Gauge);

/// A call that waits for its answer.
#[derive(Debug)]
pub struct RpcRunning(RpcsRunning);

impl Default for RpcsRunning {
    fn default() -> Self {
        Self(gauge!(RPCS_RUNNING))
    }
}

impl RpcsRunning {
    pub fn begin(&self) -> RpcRunning {
        self.0.increment(1.0);
        RpcRunning(self.clone())
    }
}

impl fmt::Debug for RpcsRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RpcsRunning")
    }
}

impl Drop for RpcRunning {
    fn drop(&mut self) {
        self.0.0.decrement(1.0);
    }
}
