//! What is in force where nothing is set. README.md has each of these; a test compares.

use std::net::SocketAddr;

use super::values::ByteSize;
use super::{
    Cache, DAY, Database, Engine, Events, Grpc, HOUR, Log, LogFormat, MINUTE, Ops, Picture,
    Reconcile, Rest, RestShape, SECOND, Sessions, Shutdown, Simulator, WahaIngress, Watch,
    Webhooks,
};

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://wagroups.db?mode=rwc".into(),
            max_connections: 10,
            connect_timeout: 10 * SECOND,
            allow_unsafe_fsync: false,
        }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            max_message_bytes: ByteSize::mebibytes(12),
            body_timeout: 30 * SECOND,
            buffer_bytes: ByteSize::mebibytes(64),
            answer_bytes: ByteSize::mebibytes(64),
            max_connections: 10_000,
            max_concurrent_calls: 1024,
            max_streams_per_connection: 10_000,
            keepalive_interval: MINUTE,
            keepalive_timeout: 20 * SECOND,
            max_connection_age: HOUR,
            max_connection_age_grace: 2 * MINUTE,
        }
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            listen: None,
            shape: RestShape::Normalized,
            // A picture of 10 MiB in base64, and room for the rest.
            max_body_bytes: ByteSize::mebibytes(16),
            body_timeout: 30 * SECOND,
            max_in_flight: 1024,
            buffer_bytes: ByteSize::mebibytes(128),
            answer_bytes: ByteSize::mebibytes(64),
            max_connections: 4096,
            max_streams: 2048,
        }
    }
}

impl Default for WahaIngress {
    fn default() -> Self {
        Self {
            listen: None,
            max_body_bytes: ByteSize::mebibytes(4),
            body_timeout: 10 * SECOND,
            commit_timeout: 15 * SECOND,
            max_in_flight: 2048,
            buffer_bytes: ByteSize::mebibytes(64),
            max_connections: 4096,
        }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            max: 1000,
            allow_private_addresses: false,
            timeout: 10 * SECOND,
            max_in_flight: 256,
            pause_after: DAY,
        }
    }
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 9090))),
            max_connections: 256,
            hosts: Vec::new(),
            tls: false,
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self {
            retention: 7 * DAY,
            retention_interval: MINUTE,
            poll_interval: SECOND,
            history_bytes: ByteSize::mebibytes(64),
            store_engine_data: false,
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self { max_watchers: 20_000, progress_interval: 30 * SECOND, max_age: 50 * MINUTE }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self { group_bytes: ByteSize::mebibytes(256) }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            read_timeout: 30 * SECOND,
            write_timeout: 90 * SECOND,
            calls_per_second: 5,
            burst: 20,
            max_in_flight: 4,
        }
    }
}

impl Default for Reconcile {
    fn default() -> Self {
        Self { interval: 6 * HOUR, min_interval: MINUTE }
    }
}

impl Default for Picture {
    fn default() -> Self {
        Self { allow_private_addresses: false, fetch_timeout: 10 * SECOND }
    }
}

impl Default for Simulator {
    fn default() -> Self {
        Self { enabled: true, seed: 0, paced: false }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self { max: 10_000 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            filter: "info,sea_orm_migration=warn,async_nats=off".to_owned(),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: 25 * SECOND }
    }
}
