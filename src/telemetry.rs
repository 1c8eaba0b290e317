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
