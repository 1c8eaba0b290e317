//! A group's picture.

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::Value;

use super::RestState;
use super::answers::plain::{PictureResponse, Success};
use super::body::UTF8_MARK;
use super::openapi::{Body, Tag, flag, optional, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{changed, json};
use super::route::{Route, at, delete, get, put};
use super::wire::PICTURE;
use crate::domain::counter::Sequence;
use crate::domain::operation::{DeleteGroupPicture, SetGroupPicture};
use crate::domain::port::picture::{PictureSource, PictureUrl};
use crate::domain::reason::Reason;

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let picture = |id, summary| says(id, Tag::Groups, summary);
    let refresh = "Whether to ask WhatsApp, and not for what was asked in the last 24 hours.";
    vec![
        get(
            at(PICTURE),
            get_picture,
            picture("getPicture", "The group's picture")
                .query(optional("refresh", refresh, flag()))
                .asks()
                .answers(200, "Where it is.", Body::Json("PictureResponse")),
        ),
        put(
            at(PICTURE),
            set,
            picture("setPicture", "Change the picture").takes("PictureRequest").changes().answers(
                200,
                "It is changed.",
                Body::Json("Result"),
            ),
        ),
        delete(
            at(PICTURE),
            delete_picture,
            picture("deletePicture", "Remove the picture").changes().answers(
                200,
                "It is removed.",
                Body::Json("Result"),
            ),
        ),
    ]
}

/// Where the picture is; `null` where there is none, and where it cannot be had: WAHA makes no difference.
async fn get_picture(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let group = incoming.group();
    let refresh = incoming.query_flag("refresh");
    let (session, group_id) = incoming.finish(group)?;
    let read =
        gateway.app.picture(&incoming.call, &session, &group_id, refresh, Sequence::ZERO).await;
    let url = match read {
        // Some engines have the picture and no address of it.
        Ok(read) => Some(read.value.url.clone().unwrap_or_else(|| {
            format!("data:image/jpeg;base64,{}", STANDARD.encode(&read.value.data))
        })),
        Err(error) if error.reason() == Reason::PictureNotFound => None,
        Err(error) => return Err(incoming.refuse(error)),
    };
    Ok(json(&PictureResponse { url }))
}

/// WAHA takes a missing `file` for a wish to delete; this refuses it.
async fn set(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let picture = source(&mut incoming);
    let (target, picture) = incoming.finish(target.zip(picture))?;
    let mutation = target.mutation(|group_id| SetGroupPicture { group_id, picture });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, json(&Success { success: true })))
}

async fn delete_picture(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let target = incoming.finish(target)?;
    let mutation = target.mutation(|group_id| DeleteGroupPicture { group_id });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, json(&Success { success: true })))
}

/// Within so many bytes a browser says the type.
const MAX_MARK: usize = 256;

/// As Node reads it: whatever pads, or does not, and whatever the last bits are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn source(incoming: &mut Incoming) -> Option<PictureSource> {
    let mut file = incoming.take_file();
    let text = |file: &mut Value, field: &str| match file.get_mut(field).map(Value::take) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    match (text(&mut file, "url"), text(&mut file, "data")) {
        (Some(url), None) => {
            incoming.parsed::<PictureUrl>("file.url", &url).map(PictureSource::Url)
        }
        (None, Some(data)) => {
            let bytes = decode(data);
            if bytes.is_none() {
                incoming.refuse_field("file.data", "must be base64");
            }
            bytes.map(|bytes| PictureSource::Data(incoming.hold(bytes)))
        }
        (None, None) | (Some(_), Some(_)) => {
            incoming.refuse_field("file", "must have either url or data");
            None
        }
    }
}

/// Base64 with either alphabet, as one line or wrapped. It may be long, so that it is put right where it stands.
fn decode(text: String) -> Option<Vec<u8>> {
    let mut text = text.into_bytes();
    if text.starts_with(UTF8_MARK) {
        text.drain(..UTF8_MARK.len());
    }
    // Browsers put the type in front.
    let mark = b";base64,";
    let head = &text[..text.len().min(MAX_MARK)];
    if let Some(at) = head.windows(mark.len()).position(|part| part == mark) {
        text.drain(..at + mark.len());
    }
    text.retain(|byte| !byte.is_ascii_whitespace());
    for byte in &mut text {
        match byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    LENIENT.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn base64_is_taken_in_every_writing() {
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length).map(|index: u8| index.wrapping_mul(37)).collect();
            let plain = STANDARD.encode(&bytes);
            let wrapped = |end: &str| {
                let lines = plain.as_bytes().chunks(16).map(|line| String::from_utf8_lossy(line));
                lines.map(|line| format!("{line}{end}")).collect::<String>()
            };
            for text in [
                plain.clone(),
                wrapped("\n"),
                wrapped("\r\n"),
                plain.trim_end_matches('=').to_owned(),
                URL_SAFE_NO_PAD.encode(&bytes),
                format!("data:image/jpeg;base64,{plain}"),
                format!("  {plain}\t"),
                format!("\u{feff}{plain}"),
            ] {
                assert_eq!(decode(text.clone()).as_ref(), Some(&bytes), "{text:?}");
            }
        }
        for wrong in ["*", "a", "ab=c", "ä", "data:image/jpeg,abcd"] {
            assert_eq!(decode(wrong.to_owned()), None, "{wrong}");
        }
    }
}
