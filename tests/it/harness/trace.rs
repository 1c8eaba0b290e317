//! A caller's trace, as its headers have it.

use tonic::Request;
use tonic::metadata::MetadataValue;
use wagroups::pb;

pub const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub const TRACESTATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
/// Of another call.
pub const OTHER_TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The call with these in its metadata; empty ones are left out.
pub fn traced<T>(message: T, traceparent: &'static str, tracestate: &'static str) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in [("traceparent", traceparent), ("tracestate", tracestate)] {
        if !value.is_empty() {
            request.metadata_mut().insert(name, MetadataValue::from_static(value));
        }
    }
    request
}

/// What the event says of its trace.
pub fn trace_of(event: &pb::GroupEvent) -> (&str, &str) {
    (&event.traceparent, &event.tracestate)
}
