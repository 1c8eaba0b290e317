//! Metrics of TLS.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::domain::clock::Timestamp;

const FAILED: &str = "wagroups_tls_handshakes_failed_total";
const EXPIRY: &str = "wagroups_tls_certificate_expiry_timestamp_seconds";

pub(super) fn describe() {
    describe_counter!(FAILED, "Handshakes of TLS that failed, by listener and cause.");
    describe_gauge!(
        EXPIRY,
        Unit::Seconds,
        "When the certificate that a listener shows expires, in seconds since 1970."
    );
}

pub fn handshake_failed(listener: &'static str, cause: &'static str) {
    counter!(FAILED, "listener" => listener, "cause" => cause).increment(1);
}

pub fn certificate_expires(listener: &'static str, at: Timestamp) {
    gauge!(EXPIRY, "listener" => listener).set((at.as_millis() / 1000) as f64);
}
