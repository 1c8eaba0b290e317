//! How an answer differs from the recorded one: status, content type, and what the body is made of.

use serde_json::Value;

use super::Recorded;
use crate::rest::client::Answer;

/// Each difference in words; `here` is this service. Where the status differs, the bodies are not compared.
pub fn differences(recorded: &Recorded, wanted: &Value, answer: &Answer) -> Vec<String> {
    if recorded.status != answer.status {
        return vec![format!("status {}, here {}", recorded.status, answer.status)];
    }
    let mut found = Vec::new();
    let content_type = answer.header("content-type");
    if recorded.content_type != content_type {
        found.push(format!("type {:?}, here {content_type:?}", recorded.content_type));
    }
    // On every answer of WAHA's.
    let allowed = answer.header("access-control-allow-origin");
    if allowed != "*" {
        found.push(format!("allowed origin \"*\", here {allowed:?}"));
    }
    if recorded.method == "HEAD" {
        return found;
    }
    let body = match answer.text.as_str() {
        "" => Value::Null,
        text if content_type.starts_with("application/json") => {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {answer:?}"))
        }
        text => Value::String(text.to_owned()),
    };
    compare("$", wanted, &body, &mut found);
    found
}

/// `recorded` has `<text>`, `<number>`, `<flag>` for what changes; `["<each>", …]` and `{"<each>": …}` for any number of
/// the same; and a key that ends in `?` where only some have it.
fn compare(place: &str, recorded: &Value, here: &Value, found: &mut Vec<String>) {
    // Enough to know it by: a picture is long.
    let said: String = here.to_string().chars().take(160).collect();
    let differs = format!("{place}: {recorded}, here {said}");
    match (recorded, here) {
        (Value::String(kind), _) if kind.starts_with('<') => {
            let is_kind = match kind.as_str() {
                "<text>" => here.is_string(),
                "<text or null>" => here.is_string() || here.is_null(),
                "<number>" => here.is_number(),
                "<flag>" => here.is_boolean(),
                other => panic!("{other} at {place}"),
            };
            if !is_kind {
                found.push(differs);
            }
        }
        (Value::Array(recorded), Value::Array(here))
            if recorded.first() == Some(&"<each>".into()) =>
        {
            if here.is_empty() {
                found.push(format!("{place}: some, here none"));
            }
            for item in here {
                compare(&format!("{place}[]"), &recorded[1], item, found);
            }
        }
        (Value::Array(recorded), Value::Array(listed)) => {
            if recorded.len() != listed.len() {
                found.push(format!("{place}: {} items, here {}", recorded.len(), listed.len()));
                return;
            }
            for (at, (recorded, item)) in recorded.iter().zip(listed).enumerate() {
                compare(&format!("{place}[{at}]"), recorded, item, found);
            }
        }
        (Value::Object(recorded), Value::Object(here)) if recorded.contains_key("<each>") => {
            if here.is_empty() {
                found.push(format!("{place}: some, here none"));
            }
            for item in here.values() {
                compare(&format!("{place}[]"), &recorded["<each>"], item, found);
            }
        }
        (Value::Object(recorded), Value::Object(here)) => {
            for (key, value) in recorded {
                let name = key.trim_end_matches('?');
                match here.get(name) {
                    Some(here) => compare(&format!("{place}.{name}"), value, here, found),
                    None if key.ends_with('?') => {}
                    None => found.push(format!("{place}.{name}: missing here")),
                }
            }
            let known =
                |key: &str| recorded.contains_key(key) || recorded.contains_key(&format!("{key}?"));
            for key in here.keys().filter(|key| !known(key)) {
                found.push(format!("{place}.{key}: only here"));
            }
        }
        _ if recorded == here => {}
        _ => found.push(differs),
    }
}
