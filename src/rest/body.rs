//! What a body is: as WAHA takes it, JSON or a form, packed or not. What is not taken is named.

use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use super::form;
use super::refusal::{Refusal, RequestInfo};
use crate::domain::error::Error;
use crate::domain::excerpt::Quoted;
use crate::domain::reason::Reason;
use crate::middleware::{BoundedBody, Coding, InflateError};

/// The most values in a body, about: 1,024 participants are some 3,000. A body of `[0],` alone would take forty
/// times the memory of its text; that of a picture is one long text, and may be large.
const MAX_VALUES: usize = 16_384;
pub const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
const GZIP_MARK: &[u8] = b"\x1f\x8b";

/// What the headers say of a body.
#[derive(Debug)]
pub struct Described {
    coding: Option<Coding>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Json,
    Form,
    /// Something else, which is taken where it turns out to be JSON: clients that say nothing of a body get their
    /// library's word for it.
    Other(String),
}

/// A body's fields.
#[derive(Debug, Default)]
pub struct Fields {
    pub value: Value,
    /// Whether all values are texts, whatever they mean.
    pub is_form: bool,
}

impl Described {
    pub fn by(headers: &HeaderMap, asked: &RequestInfo) -> Result<Self, Refusal> {
        let text =
            |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
        let coding = headers.get(CONTENT_ENCODING).map(text).unwrap_or_default();
        let coding = match coding.to_ascii_lowercase().as_str() {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            _ => {
                let message = format!(
                    "the content-encoding {} is not taken: send gzip, deflate, or the body as it is",
                    Quoted(&coding)
                );
                return Err(unsupported(asked, message));
            }
        };
        let content_type = headers.get(CONTENT_TYPE).map(text).unwrap_or_default();
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        });
        let is_utf8 = |name: &str| {
            ["utf-8", "utf8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
        };
        if let Some(charset) = charset.filter(|name| !is_utf8(name)) {
            let message = format!("the charset {} is not taken: send UTF-8", Quoted(charset));
            return Err(unsupported(asked, message));
        }
        let kind = match essence.as_str() {
            "" => Kind::Json,
            json if json.ends_with("/json") || json.ends_with("+json") => Kind::Json,
            "application/x-www-form-urlencoded" => Kind::Form,
            _ => Kind::Other(essence),
        };
        Ok(Self { coding, kind })
    }

    /// The body as it was before it was packed.
    pub fn unpacked(
        &self,
        body: BoundedBody,
        max_bytes: usize,
        asked: &RequestInfo,
    ) -> Result<BoundedBody, Refusal> {
        let Some(coding) = self.coding.filter(|_| !body.bytes().is_empty()) else {
            return Ok(body);
        };
        body.inflated(coding, max_bytes).map_err(|error| match error {
            InflateError::Bounds(error) => asked.refuse_body(error),
            InflateError::Garbled => {
                let message = "the body is not packed as its content-encoding says";
                asked.refuse(Error::new(Reason::InvalidRequest, message))
            }
        })
    }

    /// The fields of a body that is a form; none of another one.
    pub fn form(&self, body: &[u8], asked: &RequestInfo) -> Result<Option<Value>, Refusal> {
        if !matches!(self.kind, Kind::Form) || body.trim_ascii_start().starts_with(b"{") {
            return Ok(None);
        }
        self.parse(body, asked).map(|fields| Some(fields.value))
    }

    /// The fields of the unpacked body. Values are counted before any of them is made; what stands in texts counts too,
    /// where it looks like one.
    pub fn parse(&self, body: &[u8], asked: &RequestInfo) -> Result<Fields, Refusal> {
        // What Windows' editors and tools put in front.
        let body = body.strip_prefix(UTF8_MARK).unwrap_or(body);
        if body.is_empty() {
            return Ok(Fields::default());
        }
        if UTF16_MARKS.iter().any(|mark| body.starts_with(mark)) {
            return Err(unsupported(asked, "the body is UTF-16: send UTF-8".to_owned()));
        }
        let starts_as_json = body.trim_ascii_start().starts_with(b"{");
        // curl says of every body that it is a form.
        let is_form = matches!(self.kind, Kind::Form) && !starts_as_json;
        let separates = |byte: &u8| match is_form {
            true => *byte == b'&',
            false => matches!(byte, b'[' | b'{' | b','),
        };
        if body.iter().filter(|byte| separates(byte)).count() > MAX_VALUES {
            let message = format!("the body has more than {MAX_VALUES} values");
            return Err(asked.refuse(Error::new(Reason::InvalidRequest, message)));
        }
        if is_form {
            let value = form::parse(body).ok_or_else(|| {
                let message =
                    "the form has a field that is two things: a text, a list or an object";
                asked.refuse(Error::new(Reason::InvalidRequest, message))
            })?;
            return Ok(Fields { value, is_form });
        }
        match serde_json::from_slice(body) {
            Ok(value) => Ok(Fields { value, is_form }),
            Err(error) => Err(self.no_json(body, &error, asked)),
        }
    }

    fn no_json(&self, body: &[u8], error: &serde_json::Error, asked: &RequestInfo) -> Refusal {
        if let Kind::Other(essence) = &self.kind {
            let message = format!(
                "the content-type {} is not taken: send application/json or \
                 application/x-www-form-urlencoded",
                Quoted(essence)
            );
            return unsupported(asked, message);
        }
        let message = if body.starts_with(GZIP_MARK) {
            "the body is gzip, and no content-encoding says so".to_owned()
        } else {
            error.to_string()
        };
        asked.refuse(Error::new(Reason::InvalidRequest, message))
    }
}

fn unsupported(asked: &RequestInfo, message: String) -> Refusal {
    let error = Error::new(Reason::InvalidRequest, message);
    asked.refuse(error).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}
