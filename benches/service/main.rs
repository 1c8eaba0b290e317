//! What the service costs, each figure beside its limit in the same run.
//!
//! The limit is a bare tonic server of the same pre-encoded bytes, one raw SQL statement that writes
//! the same rows, or a bare HTTP server that writes each body with one raw INSERT. The servers are
//! processes of their own, so that their processor time and memory are theirs alone; what counts is
//! the ratio, for absolute times vary with the machine.
//!
//!     make bench ARGS='[--quick] [unary] [fanout] [append] [memory] [resync] [start] [webhooks] [cluster] [jetstream]'

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod append;
mod bare;
mod bare_http;
mod child;
mod cluster;
mod fanout;
mod jetstream;
#[path = "../../tests/it/relay/nats_server.rs"]
mod nats_server;
mod poster;
mod postgres;
mod resync;
mod startup;
mod table;
mod unary;
mod waha;
mod webhooks;

use child::Child;
use table::Table;

/// What the program has, so that the service costs here what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long and how often things are measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub seconds: f64,
    pub rounds: usize,
    pub max_watchers: usize,
    pub groups: usize,
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match arguments.first().map(String::as_str) {
        Some("--role-service") => runtime.block_on(child::serve()),
        Some("--role-bare-http") => runtime.block_on(bare_http::serve()),
        Some("--role-bare") => runtime.block_on(bare::serve(&arguments[1], &arguments[2])),
        _ => runtime.block_on(measure(&arguments)),
    }
}

async fn measure(arguments: &[String]) {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let effort = if quick {
        Effort { seconds: 0.5, rounds: 1, max_watchers: 1_000, groups: 1_000 }
    } else {
        Effort { seconds: 2.0, rounds: 3, max_watchers: 10_000, groups: 10_000 }
    };
    let sections: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted =
        |name: &str| sections.is_empty() || sections.iter().any(|section| *section == name);
    let mut table = Table::default();
    if wanted("unary") {
        unary::measure(effort, &mut table).await;
    }
    if wanted("fanout") {
        fanout::measure(effort, &mut table).await;
    }
    if wanted("memory") {
        fanout::memory(effort, &mut table).await;
    }
    if wanted("append") {
        append::measure(effort, &mut table).await;
    }
    if wanted("resync") {
        resync::measure(effort, &mut table).await;
    }
    if wanted("start") {
        startup::measure(effort, &mut table).await;
    }
    if wanted("webhooks") {
        webhooks::measure(effort, &mut table).await;
    }
    if wanted("cluster") {
        cluster::measure(effort, &mut table).await;
    }
    if wanted("jetstream") {
        jetstream::measure(effort, &mut table).await;
    }
    table.print();
}
