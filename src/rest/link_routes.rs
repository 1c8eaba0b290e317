//! Linking a session to an account: the code to scan, and the code to type.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::RestState;
use super::answers::server::{PairingCode, QRCode};
use super::openapi::{Body, Tag, one_of, optional, says};
use super::qr_image;
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::json;
use super::route::{Route, get, post};
use crate::app::sessions::SessionState;
use crate::domain::error::Error;
use crate::domain::id::PhoneNumber;
use crate::domain::reason::Reason;
use crate::domain::session::SessionStatus;

const IMAGE: &str = "image/png";

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let link = |id, summary| says(id, Tag::Sessions, summary);
    vec![
        get(
            "/api/{session}/auth/qr",
            show_qr,
            link("getQR", "The code to scan with the phone")
                .detail(
                    "A picture; where `Accept` is `application/json` and nothing else, the picture in JSON.",
                )
                .query(optional("format", "`raw`: the text of the code.", one_of(&["image", "raw"])))
                .answers(200, "The code.", Body::Picture("QRCode"))
                .refuses(&[422]),
        ),
        post(
            "/api/{session}/auth/request-code",
            request_code,
            link("requestCode", "A code to type into the phone instead")
                .takes("RequestCodeRequest")
                .asks()
                .answers(201, "The code.", Body::Json("PairingCode"))
                .refuses(&[422]),
        ),
    ]
}

async fn show_qr(
    State(gateway): State<RestState>,
    headers: HeaderMap,
    mut incoming: Incoming,
) -> Answered {
    let is_raw = match incoming.query("format") {
        None | Some("image" | "") => false,
        Some("raw") => true,
        Some(_) => {
            let must = "must be one of the following values: image, raw";
            incoming.refuse_field("format", must);
            false
        }
    };
    let name = incoming.session();
    let name = incoming.finish(name)?;
    let state = gateway.app.session_state(&incoming.call, &name);
    let state = state.map_err(|error| incoming.refuse(error))?;
    let Some(code) = state.qr_code.as_ref().map(|code| code.value.clone()) else {
        return Err(incoming.refuse(without_code(&state)));
    };
    if is_raw {
        return Ok(json(&QRCode { mimetype: None, data: None, value: Some(code) }));
    }
    let picture = qr_image::png(&code).map_err(|error| incoming.refuse(error))?;
    // As in WAHA: a browser that takes both wants the picture.
    let accept = headers.get(header::ACCEPT).map(|value| value.as_bytes());
    if accept == Some(b"application/json") {
        let data = STANDARD.encode(picture);
        return Ok(json(&QRCode { mimetype: Some(IMAGE), data: Some(data), value: None }));
    }
    // It is good for seconds, and links whoever scans it.
    let headers = [(header::CONTENT_TYPE, IMAGE), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, picture).into_response())
}

/// A session that shall be linked has a code in a moment; others have none.
fn without_code(state: &SessionState) -> Error {
    let session = &state.session;
    // A code that is expected and not there yet is none of another status.
    let status = match session.status {
        SessionStatus::ScanQrCode => SessionStatus::Starting,
        status => status,
    };
    let (reason, what) = match status {
        SessionStatus::ScanQrCode | SessionStatus::Starting => {
            (Reason::SessionStarting, "has no code to scan yet; try again in a moment")
        }
        SessionStatus::Working => (Reason::AlreadyLoggedIn, "is linked already"),
        SessionStatus::Stopped | SessionStatus::Failed | SessionStatus::LoggedOut => {
            (Reason::SessionNotWorking, "does not wait to be linked; start it first")
        }
    };
    Error::new(reason, format!("session {} {what}", session.name))
        .with("session", &session.name)
        .with("status", status.contract_name())
        .with("expected", SessionStatus::ScanQrCode.contract_name())
}

async fn request_code(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let name = incoming.session();
    let phone: Option<PhoneNumber> = incoming.text("phoneNumber");
    let (name, phone) = incoming.finish(name.zip(phone))?;
    let requested = gateway.app.request_pairing_code(&incoming.call, &name, phone).await;
    let code = requested.map_err(|error| {
        let is_of_status = error.metadata().contains_key("status");
        let expected = SessionStatus::ScanQrCode.contract_name();
        incoming.refuse(if is_of_status { error.with("expected", expected) } else { error })
    })?;
    Ok((StatusCode::CREATED, json(&PairingCode { code: grouped(&code.code) })).into_response())
}

/// Four and four, as the phone shows it.
fn grouped(code: &str) -> String {
    match code.split_at_checked(4) {
        Some((first, rest)) if code.len() == 8 => format!("{first}-{rest}"),
        _ => code.to_owned(),
    }
}
