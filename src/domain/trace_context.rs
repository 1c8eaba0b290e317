//! To which trace of its caller a call belongs: W3C Trace Context, as the headers `traceparent` and `tracestate` say it.
//!
//! It is handed on as it came: this service is no span of the trace, so what a call causes is told as a child of the
//! caller's own span.

use std::sync::Arc;

pub const TRACEPARENT: &str = "traceparent";
pub const TRACESTATE: &str = "tracestate";

/// The longest `tracestate` that is handed on: as much as the standard asks for.
pub const MAX_STATE_BYTES: usize = 512;
const MAX_STATE_MEMBERS: usize = 32;
/// Of a state that is too long, larger members go first.
const LARGE_MEMBER_BYTES: usize = 128;

/// `version-traceid-parentid-flags`.
const PARENT_BYTES: usize = 55;
const SAMPLED: u8 = 0b01;
/// Since level 2: the trace id is random.
const RANDOM: u8 = 0b10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Of version 00, whichever came.
    parent: Arc<str>,
    /// Empty where there is none.
    state: Arc<str>,
}

impl TraceContext {
    /// `None` where there is no parent, or one that the standard has ignored. A state that is no state is left out.
    pub fn parse(traceparent: &str, tracestate: &str) -> Option<Self> {
        let parent = parent(traceparent)?.into();
        Some(Self { parent, state: state(tracestate).into() })
    }

    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// Empty where there is none.
    pub fn tracestate(&self) -> &str {
        &self.state
    }

    /// 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.parent.get(3..35).unwrap_or_default()
    }

    /// As whom it concerns gets it.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let headers = [(TRACEPARENT, self.traceparent()), (TRACESTATE, self.tracestate())];
        headers.into_iter().filter(|(_, value)| !value.is_empty())
    }
}

/// In the form of version 00. Later versions begin like this one, and may go on behind another dash.
fn parent(text: &str) -> Option<String> {
    let (head, rest) = text.split_at_checked(PARENT_BYTES)?;
    let mut parts = head.split('-');
    let (version, trace_id) = (digits(parts.next()?, 2)?, digits(parts.next()?, 32)?);
    let (parent_id, flags) = (digits(parts.next()?, 16)?, digits(parts.next()?, 2)?);
    let known_flags = match version {
        "ff" => return None,
        "00" if !rest.is_empty() => return None,
        "00" => SAMPLED | RANDOM,
        _ if !rest.is_empty() && !rest.starts_with('-') => return None,
        _ => SAMPLED,
    };
    let is_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
    if is_zero(trace_id) || is_zero(parent_id) {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()? & known_flags;
    Some(format!("00-{trace_id}-{parent_id}-{flags:02x}"))
}

fn digits(text: &str, count: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == count && text.bytes().all(is_digit)).then_some(text)
}

/// At most [`MAX_STATE_BYTES`] of it: large members are left out first, then those at the end. Empty where it is none.
fn state(text: &str) -> String {
    let members = text.split(',').map(|member| member.trim_matches([' ', '\t']));
    let mut members: Vec<&str> = members.filter(|member| !member.is_empty()).collect();
    if members.len() > MAX_STATE_MEMBERS || !members.iter().all(|member| is_member(member)) {
        return String::new();
    }
    let bytes = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    while bytes(&members) > MAX_STATE_BYTES + 1 {
        match members.iter().rposition(|member| member.len() > LARGE_MEMBER_BYTES) {
            Some(large) => drop(members.remove(large)),
            None => drop(members.pop()),
        }
    }
    members.join(",")
}

fn is_member(member: &str) -> bool {
    let is_text = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    member.split_once('=').is_some_and(|(key, value)| {
        is_key(key) && (1..=256).contains(&value.len()) && value.bytes().all(is_text)
    })
}

/// `system`, or `tenant@system`.
fn is_key(key: &str) -> bool {
    let is_name = |name: &str, longest: usize, may_begin_with_digit: bool| {
        let is_rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/".contains(&b);
        let begins = name.bytes().next().is_some_and(|first| {
            first.is_ascii_lowercase() || may_begin_with_digit && first.is_ascii_digit()
        });
        begins && name.len() <= longest && name.bytes().all(is_rest)
    };
    match key.split_once('@') {
        None => is_name(key, 256, false),
        Some((tenant, system)) => is_name(tenant, 241, true) && is_name(system, 14, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parent_of(text: &str) -> Option<String> {
        TraceContext::parse(text, "").map(|trace| trace.traceparent().to_owned())
    }

    fn state_of(text: &str) -> String {
        TraceContext::parse(PARENT, text).expect("a parent").tracestate().to_owned()
    }

    #[test]
    fn a_parent_is_what_the_standard_says() {
        let with = |from: &str, to: &str| PARENT.replacen(from, to, 1);
        for (text, taken) in [
            (PARENT.to_owned(), Some(PARENT.to_owned())),
            (with("-01", "-00"), Some(with("-01", "-00"))),
            (with("-01", "-03"), Some(with("-01", "-03"))),
            // Flags that are not known are not told on.
            (with("-01", "-ff"), Some(with("-01", "-03"))),
            // Later versions, of which this one knows the beginning.
            (with("00-", "cc-"), Some(PARENT.to_owned())),
            (with("00-", "01-") + "-what-comes", Some(PARENT.to_owned())),
            (with("00-", "fe-") + "-", Some(PARENT.to_owned())),
            (with("00-", "fe-").replace("b7-01", "b7-ff"), Some(PARENT.to_owned())),
            (with("00-", "cc-") + ".what", None),
            (with("00-", "cc-") + "0", None),
            (with("00-", "ff-"), None),
            (PARENT.to_owned() + "-00", None),
            (PARENT.to_owned() + "0", None),
            (PARENT.to_owned() + "-", None),
            (PARENT[..54].to_owned(), None),
            (String::new(), None),
            (with("00-", "0-"), None),
            (with("00-", "0x-"), None),
            (with("4bf9", "4BF9"), None),
            (with("00f067", "00F067"), None),
            (with("-01", "-0A"), None),
            (with("4bf9", "4bg9"), None),
            (with("4bf9", "+bf9"), None),
            (with("00f067", "00-067"), None),
            (with(TRACE_ID, &"0".repeat(32)), None),
            (with("00f067aa0ba902b7", &"0".repeat(16)), None),
            (PARENT.replace('-', "_"), None),
            (format!(" {PARENT}"), None),
            (with("4bf92f", "4bf9é"), None),
            ("é".repeat(28), None),
        ] {
            assert_eq!(parent_of(&text), taken, "{text}");
        }
    }

    #[test]
    fn a_trace_has_its_id_and_its_headers() {
        let trace = TraceContext::parse(PARENT, "a=1").expect("a parent");
        assert_eq!(trace.trace_id(), TRACE_ID);
        let headers: Vec<_> = trace.headers().collect();
        assert_eq!(headers, [("traceparent", PARENT), ("tracestate", "a=1")]);
        let trace = TraceContext::parse(PARENT, "").expect("a parent");
        assert_eq!(trace.headers().collect::<Vec<_>>(), [("traceparent", PARENT)]);
    }

    #[test]
    fn a_state_without_a_parent_is_nothing() {
        assert_eq!(TraceContext::parse("", "a=1"), None);
        assert_eq!(TraceContext::parse("nonsense", "a=1"), None);
    }

    #[test]
    fn a_state_is_a_list_of_members_or_nothing() {
        for (text, taken) in [
            ("", ""),
            ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
            (" a=1 ,\t, b=2\t,", "a=1,b=2"),
            ("a= b c", "a= b c"),
            ("1a@b=1", "1a@b=1"),
            ("a_-*/0=1", "a_-*/0=1"),
            ("1a=1", ""),
            ("a@1b=1", ""),
            ("a@b@c=1", ""),
            ("@b=1", ""),
            ("A=1", ""),
            ("a", ""),
            ("a=", ""),
            ("=1", ""),
            ("a=1=2", ""),
            ("a=1,b", ""),
            ("a=é", ""),
            ("a=1;b=2", ""),
            ("a=1;b", "a=1;b"),
        ] {
            assert_eq!(state_of(text), taken, "{text}");
        }
        let key = |bytes: usize| format!("{}=1", "k".repeat(bytes));
        assert_eq!(state_of(&key(256)), key(256));
        assert_eq!(state_of(&key(257)), "");
        let value = |bytes: usize| format!("k={}", "v".repeat(bytes));
        assert_eq!(state_of(&value(256)), value(256));
        assert_eq!(state_of(&value(257)), "");
        let members = |count: usize| vec!["a=1"; count].join(",");
        assert_eq!(state_of(&members(32)), members(32));
        assert_eq!(state_of(&members(33)), "");
    }

    #[test]
    fn of_a_long_state_large_members_go_first_and_then_those_at_the_end() {
        let member = |key: &str, bytes: usize| format!("{key}={}", "v".repeat(bytes - 2));
        let (a, b, large) = (member("a", 128), member("b", 128), member("l", 129));
        let (c, d) = (member("c", 128), member("d", 125));
        let full = [&*a, &b, &c, &d].join(",");
        assert_eq!(full.len(), MAX_STATE_BYTES);
        assert_eq!(state_of(&full), full);
        assert_eq!(state_of(&format!("{a},{large},{b},{c},{d}")), full);
        assert_eq!(state_of(&format!("{full},e=1")), [&*a, &b, &c, &d].join(","));
        let longer = member("d", 126);
        assert_eq!(state_of(&format!("{a},{b},{c},{longer}")), [&*a, &b, &c].join(","));
    }
}
