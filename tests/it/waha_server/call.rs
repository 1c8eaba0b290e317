//! A request as WAHA would read it, and what it refuses to read silently: WAHA checks no bodies, so that a
//! careless client does the wrong thing. The stand-in is strict instead.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::HeaderMap;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use wagroups::domain::id::{GroupId, ParticipantId};

use super::reply::Problem;

const MAX_BODY_BYTES: usize = 50 << 20;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Text,
    /// From the header.
    pub api_key: Option<String>,
    pub headers: HeaderMap,
}

#[derive(Debug, Clone)]
pub enum Text {
    None,
    Json(Value),
    /// Why it cannot be read.
    Unreadable(String),
}

impl Call {
    pub async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().split('/').map(decoded).collect::<Vec<_>>().join("/");
        let query = parts.uri.query().unwrap_or_default();
        let query: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let api_key = text(&parts.headers, "x-api-key").map(str::to_owned);
        let body = read_body(&parts.headers, body).await;
        Self {
            method: parts.method.to_string(),
            path,
            query,
            body,
            api_key,
            headers: parts.headers,
        }
    }

    /// Empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        text(&self.headers, name).unwrap_or_default()
    }

    pub fn segments(&self) -> Vec<&str> {
        self.path.trim_start_matches('/').split('/').collect()
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    pub fn queries(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| &**value)
    }

    pub fn json(&self) -> Value {
        match &self.body {
            Text::Json(value) => value.clone(),
            Text::None | Text::Unreadable(_) => Value::Null,
        }
    }

    /// Only these may stand in the query.
    pub fn check_query(&self, known: &[&str]) -> Result<(), Problem> {
        let known = |name: &str| name == "x-api-key" || known.contains(&name);
        match self.query.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(Problem::impolite(format!("WAHA drops the query {name}"))),
            None => Ok(()),
        }
    }

    /// The body, an object with these fields at the least and at the most.
    pub fn fields(
        &self,
        required: &[&str],
        optional: &[&str],
    ) -> Result<Map<String, Value>, Problem> {
        let fields = match &self.body {
            Text::None => Map::new(),
            Text::Json(Value::Object(fields)) => fields.clone(),
            Text::Json(_) => return Err(Problem::impolite("the body is no object")),
            Text::Unreadable(why) => return Err(Problem::impolite(why)),
        };
        check_fields("the body", &fields, required, optional)?;
        Ok(fields)
    }

    /// A field that is a text.
    pub fn text(&self, name: &str) -> Result<String, Problem> {
        match self.json().get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) | None => Err(Problem::impolite(format!("{name} is no text"))),
        }
    }

    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.json().get(name) {
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) | None => Err(Problem::impolite(format!("{name} is neither true nor false"))),
        }
    }

    /// Who stands in `participants`, each in exactly the form that every engine takes.
    pub fn participants(&self, may_be_empty: bool) -> Result<Vec<ParticipantId>, Problem> {
        let body = self.json();
        let Some(Value::Array(people)) = body.get("participants") else {
            return Err(Problem::impolite("participants is no list"));
        };
        if people.is_empty() && !may_be_empty {
            return Err(Problem::impolite(
                "participants is empty: some engines then act on everyone",
            ));
        }
        people.iter().map(participant).collect()
    }
}

fn participant(person: &Value) -> Result<ParticipantId, Problem> {
    let Some(fields) = person.as_object() else {
        return Err(Problem::impolite("a participant is no object"));
    };
    check_fields("a participant", fields, &["id"], &[])?;
    let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
    match id.parse::<ParticipantId>() {
        Ok(parsed) if parsed.to_string() == id => Ok(parsed),
        Ok(_) | Err(_) => {
            Err(Problem::impolite(format!("{id} is no participant's id as every engine takes it")))
        }
    }
}

/// An object with fields that WAHA knows.
pub fn check_fields(
    what: &str,
    fields: &Map<String, Value>,
    required: &[&str],
    optional: &[&str],
) -> Result<(), Problem> {
    if let Some(missing) = required.iter().find(|name| !fields.contains_key(**name)) {
        let message = format!("Cannot read properties of undefined (reading '{missing}')");
        let exception = json!({ "message": message, "name": "TypeError", "stack": "" });
        return Err(Problem::Impolite { what: format!("{what} lacks {missing}"), exception });
    }
    let is_known = |name: &str| required.contains(&name) || optional.contains(&name);
    match fields.keys().find(|name| !is_known(name)) {
        Some(unknown) => {
            Err(Problem::impolite(format!("{what} has {unknown}, which WAHA ignores")))
        }
        None => Ok(()),
    }
}

/// The id of a group as it stands in a path.
pub fn group_id(text: &str) -> Result<GroupId, Problem> {
    text.parse().map_err(|_| Problem::impolite(format!("{text} is no id of a group")))
}

async fn read_body(headers: &HeaderMap, body: Body) -> Text {
    let bytes = match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => return Text::Unreadable(format!("the body cannot be read: {error}")),
    };
    if bytes.is_empty() {
        return Text::None;
    }
    let kind = text(headers, "content-type").unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Text::Unreadable(format!("the body has content-type {kind:?}"));
    }
    match serde_json::from_slice(&bytes) {
        Ok(value) => Text::Json(value),
        Err(error) => Text::Unreadable(format!("the body is no JSON: {error}")),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A segment of a path without its percent signs.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
