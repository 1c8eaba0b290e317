//! From the start of the process to its first answer.

use std::time::Instant;

use tempfile::TempDir;

use super::table::{Table, median};
use super::unary::make_group;
use super::{Child, Effort};

pub async fn measure(effort: Effort, table: &mut Table) {
    let mut fresh = Vec::new();
    let mut filled = Vec::new();
    for _ in 0..effort.rounds {
        let dir = TempDir::new().expect("a temporary folder");
        let started = Instant::now();
        let first = Child::service_on(dir.path());
        fresh.push(started.elapsed().as_secs_f64() * 1e3);
        for _ in 0..20 {
            make_group(&first, 256).await;
        }
        drop(first);
        let started = Instant::now();
        let _second = Child::service_on(dir.path());
        filled.push(started.elapsed().as_secs_f64() * 1e3);
    }
    table.add("start to ready, new database (of 1 s)", median(fresh), 1000.0, "ms", None);
    table.add("start to ready, filled database (of 1 s)", median(filled), 1000.0, "ms", None);
}
