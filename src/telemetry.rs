use std::time::Duration;
pub fn committed(_: Duration, _: usize, _: usize) {}
pub fn commit_failed() {}
pub fn commit_lost(_: usize) {}
pub fn view_lookup(_: bool) {}
pub fn log_head(_: u64, _: usize) {}
pub fn watchers(_: usize) {}
pub fn watch_sent(_: usize, _: usize) {}
pub fn catch_up_read(_: usize) {}
pub fn retention_removed(_: usize) {}
pub fn reservation(_: &'static str) {}
pub fn engine_call(_: &'static str, _: &'static str, _: &'static str, _: Duration) {}
pub fn notification(_: &'static str, _: &'static str) {}
pub fn install() -> Result<(), String> { Ok(()) }
#[derive(Debug, Default)] pub struct SystemClock;
impl crate::domain::Clock for SystemClock { fn now(&self) -> crate::domain::Timestamp { crate::domain::Timestamp::from_micros(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64) } }
#[derive(Debug, Default)] pub struct SystemEntropy;
impl crate::domain::Entropy for SystemEntropy { fn fill(&self, b: &mut [u8]) { getrandom::fill(b).unwrap() } }
