//! Bodies of forms, and how lists and objects are written in names: `participants[0][id]`, `participants[][id]`.

use serde_json::{Map, Value};

/// How deep names nest; a deeper one is a name as it stands.
const MAX_DEPTH: usize = 5;

/// The fields of a form, all of them texts. `None` where a name is both a list and an object, or both a text and one
/// of these.
pub fn parse(body: &[u8]) -> Option<Value> {
    let mut fields = Value::Object(Map::new());
    for (name, text) in url::form_urlencoded::parse(body) {
        put(&mut fields, &parts(&name), &text)?;
    }
    Some(fields)
}

/// Whether the name is that of a list: alone, with brackets, or with a place in brackets.
pub fn names_list(name: &str, list: &str) -> bool {
    let Some(rest) = name.strip_prefix(list) else { return false };
    let place = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    rest.is_empty() || place.is_some_and(|place| place.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `a[b][]` as `a`, `b` and nothing.
fn parts(name: &str) -> Vec<&str> {
    let Some((first, rest)) = name.split_once('[').filter(|(first, _)| !first.is_empty()) else {
        return vec![name];
    };
    let Some(rest) = rest.strip_suffix(']') else { return vec![name] };
    let parts: Vec<&str> = std::iter::once(first).chain(rest.split("][")).collect();
    if parts.len() > MAX_DEPTH { vec![name] } else { parts }
}

fn put(place: &mut Value, parts: &[&str], text: &str) -> Option<()> {
    let Some((part, rest)) = parts.split_first() else {
        let held = place.take();
        *place = match held {
            Value::Null => text.into(),
            // A name that stands there twice is a list.
            Value::String(first) => Value::from(vec![first, text.to_owned()]),
            Value::Array(mut list) if list.iter().all(Value::is_string) => {
                list.push(text.into());
                list.into()
            }
            Value::Array(_) | Value::Object(_) | Value::Bool(_) | Value::Number(_) => return None,
        };
        return Some(());
    };
    if place.is_null() {
        let is_place = part.bytes().all(|byte| byte.is_ascii_digit());
        *place = if is_place { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    }
    match place {
        Value::Object(fields) => put(fields.entry(*part).or_insert(Value::Null), rest, text),
        Value::Array(list) => put(element(list, part, rest), rest, text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Where in a list something belongs. Places only order what comes: an announced length takes no memory.
fn element<'a>(list: &'a mut Vec<Value>, part: &str, rest: &[&str]) -> &'a mut Value {
    let index = if part.is_empty() {
        // Rails and PHP leave the place out, so that a field that is there already begins the next one.
        let has_room = |last: &Value| match (last, rest.first()) {
            (Value::Object(fields), Some(field)) => !fields.contains_key(*field),
            _ => false,
        };
        if list.last().is_some_and(has_room) { list.len() - 1 } else { list.len() }
    } else {
        part.parse().unwrap_or(usize::MAX).min(list.len())
    };
    if index == list.len() {
        list.push(Value::Null);
    }
    &mut list[index]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_objects_stand_in_names() {
        let people = json!({ "name": "Team", "participants": [{ "id": "1" }, { "id": "2" }] });
        for body in [
            "name=Team&participants[0][id]=1&participants[1][id]=2",
            "name=Team&participants%5B%5D%5Bid%5D=1&participants%5B%5D%5Bid%5D=2",
            "participants[5][id]=1&participants[9999999999999999999][id]=2&name=Team",
        ] {
            assert_eq!(parse(body.as_bytes()), Some(people.clone()), "{body}");
        }
        assert_eq!(
            parse(b"file[url]=http://a/b"),
            Some(json!({ "file": { "url": "http://a/b" } }))
        );
        assert_eq!(parse(b"a=1&a=2&a=3"), Some(json!({ "a": ["1", "2", "3"] })));
        assert_eq!(parse(b"a[]=1&a[]=2"), Some(json!({ "a": ["1", "2"] })));
        assert_eq!(parse(b"subject=A+%26+B&e="), Some(json!({ "subject": "A & B", "e": "" })));
        assert_eq!(parse(b"[a]=1&b]=2&c[d=3"), Some(json!({ "[a]": "1", "b]": "2", "c[d": "3" })));
        for torn in ["a=1&a[b]=2", "a[b]=2&a=1", "a[]=1&a[][b]=2&a=3"] {
            assert_eq!(parse(torn.as_bytes()), None, "{torn}");
        }
    }

    #[test]
    fn a_list_is_named_as_clients_name_it() {
        for name in ["exclude", "exclude[]", "exclude[0]", "exclude[17]"] {
            assert!(names_list(name, "exclude"), "{name}");
        }
        for name in ["excluded", "exclude[", "exclude]", "exclude[a]", "exclud", "exclude[0][0]"] {
            assert!(!names_list(name, "exclude"), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_form_takes_more_places_than_it_has_fields(body in "([ab]?(\\[[ab0-9]{0,9}\\]){0,7}=x&){0,20}") {
            fn count(value: &Value) -> usize {
                match value {
                    Value::Array(list) => list.iter().map(count).sum(),
                    Value::Object(fields) => fields.values().map(count).sum(),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
                }
            }
            let fields = body.matches('=').count();
            if let Some(parsed) = parse(body.as_bytes()) {
                prop_assert_eq!(count(&parsed), fields);
            }
        }
    }
}
