//! Bodies of forms, and how lists and objects are written in names: `participants[0][id]`, `participants[][id]`.

use std::collections::BTreeMap;

use serde_json::Value;

/// How deep names nest; a deeper one is a name as it stands.
const MAX_DEPTH: usize = 5;

/// The fields of a form, all of them texts. `None` where a name is both a list and an object, or both a text and one
/// of these.
pub fn parse(body: &[u8]) -> Option<Value> {
    let mut fields = Node::Object(BTreeMap::new());
    for (name, text) in url::form_urlencoded::parse(body) {
        fields.put(&parts(&name), &text)?;
    }
    Some(fields.value())
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

/// What a name stands for, as far as the form was read.
#[derive(Default)]
enum Node {
    #[default]
    Nothing,
    Text(String),
    Object(BTreeMap<String, Node>),
    List(List),
}

/// Elements by their places, which only order them: an announced length takes no memory.
#[derive(Default)]
struct List {
    elements: BTreeMap<u64, Node>,
    /// Where the latest went.
    latest: u64,
}

impl Node {
    fn put(&mut self, parts: &[&str], text: &str) -> Option<()> {
        let Some((part, rest)) = parts.split_first() else { return self.put_text(text) };
        if matches!(self, Self::Nothing) {
            let is_place = part.bytes().all(|byte| byte.is_ascii_digit());
            *self =
                if is_place { Self::List(List::default()) } else { Self::Object(BTreeMap::new()) };
        }
        match self {
            Self::Object(fields) => fields.entry((*part).to_owned()).or_default().put(rest, text),
            Self::List(list) => list.element(part, rest)?.put(rest, text),
            Self::Nothing | Self::Text(_) => None,
        }
    }

    /// A name that stands there twice is a list.
    fn put_text(&mut self, text: &str) -> Option<()> {
        match self {
            Self::Nothing => *self = Self::Text(text.to_owned()),
            Self::Text(first) => {
                let first = Self::Text(std::mem::take(first));
                let mut list = List { elements: BTreeMap::from([(0, first)]), latest: 0 };
                *list.next()? = Self::Text(text.to_owned());
                *self = Self::List(list);
            }
            Self::List(list) if list.ends_in_text() => {
                *list.next()? = Self::Text(text.to_owned());
            }
            Self::List(_) | Self::Object(_) => return None,
        }
        Some(())
    }

    fn value(self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) => text.into(),
            Self::Object(fields) => {
                fields.into_iter().map(|(name, node)| (name, node.value())).collect()
            }
            Self::List(list) => list.elements.into_values().map(Self::value).collect(),
        }
    }
}

impl List {
    /// Where something belongs; a part that is no place comes last.
    fn element(&mut self, part: &str, rest: &[&str]) -> Option<&mut Node> {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            self.latest = part.parse().unwrap_or(u64::MAX);
            return Some(self.elements.entry(self.latest).or_default());
        }
        // Rails and PHP leave the place out, so that a field that is there already begins the next one.
        let has_room = match (self.elements.get(&self.latest), rest.first()) {
            (Some(Node::Object(fields)), Some(field)) => !fields.contains_key(*field),
            _ => false,
        };
        if has_room { self.elements.get_mut(&self.latest) } else { self.next() }
    }

    fn ends_in_text(&self) -> bool {
        matches!(self.elements.get(&self.latest), Some(Node::Text(_)))
    }

    /// The place behind all others.
    fn next(&mut self) -> Option<&mut Node> {
        self.latest = match self.elements.last_key_value() {
            Some((last, _)) => last.checked_add(1)?,
            None => 0,
        };
        Some(self.elements.entry(self.latest).or_default())
    }
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
            "participants[1][id]=2&participants[0][id]=1&name=Team",
            "participants[99999999999999999999999][id]=2&name=Team&participants[7][id]=1",
        ] {
            assert_eq!(parse(body.as_bytes()), Some(people.clone()), "{body}");
        }
        assert_eq!(
            parse(b"file[url]=http://a/b"),
            Some(json!({ "file": { "url": "http://a/b" } }))
        );
        assert_eq!(parse(b"a=1&a=2&a=3"), Some(json!({ "a": ["1", "2", "3"] })));
        assert_eq!(parse(b"a[]=1&a[]=2"), Some(json!({ "a": ["1", "2"] })));
        assert_eq!(parse(b"a[1]=2&a[0]=1&a[]=3"), Some(json!({ "a": ["1", "2", "3"] })));
        assert_eq!(
            parse(b"a[1][x]=3&a[0][x]=1&a[1][y]=4&a[0][y]=2"),
            Some(json!({ "a": [{ "x": "1", "y": "2" }, { "x": "3", "y": "4" }] }))
        );
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
