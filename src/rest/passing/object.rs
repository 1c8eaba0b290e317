//! A JSON object that names its session, taken apart without reading what is in it: it may hold a whole film.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The session's name, and the other fields as they came, each with a comma before it.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub session: String,
    pub others: Vec<u8>,
}

/// Takes the body apart; the error says what it must be.
pub fn take_apart(body: &[u8]) -> Result<Named, String> {
    let mut reading = serde_json::Deserializer::from_slice(body);
    let named = Named::deserialize(&mut reading).map_err(|error| error.to_string())?;
    reading.end().map_err(|error| error.to_string())?;
    Ok(named)
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

/// A name as it is meant: it may be written with escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Object {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the session's name as session")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
        let (mut session, mut others) = (None, Vec::new());
        while let Some(Key(key)) = map.next_key()? {
            if key == "session" {
                // Of two, readers differ in which they take.
                if session.is_some() {
                    return Err(A::Error::custom("session stands there twice"));
                }
                session = Some(map.next_value::<String>()?);
                continue;
            }
            let value: &RawValue = map.next_value()?;
            others.push(b',');
            serde_json::to_writer(&mut others, &key).map_err(A::Error::custom)?;
            others.push(b':');
            others.extend_from_slice(value.get().as_bytes());
        }
        let session = session.ok_or_else(|| A::Error::custom("session must be a string"))?;
        Ok(Named { session, others })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_session_is_found_wherever_and_however_it_is_written() {
        let wanted =
            Named { session: "shop".to_owned(), others: br#","a":[1, {"session":"x"}]"#.to_vec() };
        for body in [
            r#"{"session":"shop","a":[1, {"session":"x"}]}"#,
            r#" { "a" : [1, {"session":"x"}] , "\u0073ession" : "sh\u006fp" } "#,
        ] {
            assert_eq!(take_apart(body.as_bytes()).as_ref(), Ok(&wanted), "{body}");
        }
        for (body, named) in [
            (r#"{"session":"a","session":"b"}"#, "twice"),
            (r#"{"session":"a","\u0073ession":"b"}"#, "twice"),
            (r#"{"session":1}"#, "string"),
            (r#"{"text":"a"}"#, "session must be"),
            (r#"{"session":"a"} {"session":"b"}"#, "trailing"),
            (r#"["session"]"#, "object"),
            ("", "EOF"),
        ] {
            let error = take_apart(body.as_bytes()).expect_err(body);
            assert!(error.contains(named), "{body}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_field_is_lost_or_changed(fields in prop::collection::btree_map("[a-z\"\\\\]{1,5}", any::<Option<i64>>(), 0..9)) {
            let mut object = json!(fields);
            object["session"] = json!("shop");
            let named = take_apart(object.to_string().as_bytes()).expect("an object");
            let again = [b"{\"session\":\"shop\"".as_slice(), &named.others, b"}"].concat();
            prop_assert_eq!(serde_json::from_slice::<Value>(&again).expect("JSON"), object);
        }
    }
}
