//! A call's trace, from its headers.

use http::HeaderMap;

use crate::domain::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};

/// `None` where the headers name none, or one that the standard has ignored.
pub fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let parent = parents.next()?.to_str().ok()?;
    // Nobody can say which of two it is.
    if parents.next().is_some() {
        return None;
    }
    let states = headers.get_all(TRACESTATE).iter().map(|state| state.to_str());
    let states = states.collect::<Result<Vec<_>, _>>().unwrap_or_default();
    TraceContext::parse(parent, &states.join(","))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(headers: &[(&'static str, &'static str)]) -> Option<(String, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            map.append(HeaderName::from_static(name), value);
        }
        let trace = trace_of(&map)?;
        Some((trace.traceparent().to_owned(), trace.tracestate().to_owned()))
    }

    #[test]
    fn one_parent_and_any_number_of_states_are_read() {
        let taken = |state: &str| Some((PARENT.to_owned(), state.to_owned()));
        let parent = ("traceparent", PARENT);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("tracestate", "a=1")]), None);
        assert_eq!(of(&[parent]), taken(""));
        assert_eq!(
            of(&[parent, ("tracestate", "a=1"), ("tracestate", "b=2,c=3")]),
            taken("a=1,b=2,c=3")
        );
        assert_eq!(of(&[parent, ("tracestate", "a=\u{e9}")]), taken(""));
        assert_eq!(of(&[parent, parent]), None);
        assert_eq!(of(&[("traceparent", "\u{e9}")]), None);
    }
}
