//! Each command beside the call of SessionsService that it makes.

use std::collections::HashMap;
use std::process::ExitCode;

use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::recorder::{Recorder, check, outcome};
use crate::pb::{self, SessionStatus, WatchSessionResponse};

#[tokio::test]
async fn every_call_of_sessions_has_a_command() {
    let a = json!({ "session": "a" });
    let create = "sessions create a --engine simulator --phone-number +49 --stopped --metadata k=v";
    let update = "sessions update a --metadata k=v --waha-server w";
    let cases = [
        (
            create,
            "CreateSession",
            json!({
                "session": "a", "engine": "ENGINE_SIMULATOR", "stopped": true,
                "metadata": { "k": "v" }, "simulator": { "phoneNumber": "+49" },
            }),
        ),
        ("sessions get a", "GetSession", a.clone()),
        (
            "sessions list --status logged-out --engine waha",
            "ListSessions",
            json!({
                "statuses": ["SESSION_STATUS_LOGGED_OUT"], "engines": ["ENGINE_WAHA"],
            }),
        ),
        (
            update,
            "UpdateSession",
            json!({
                "session": "a", "updateMask": "waha",
                "setMetadata": { "k": "v" }, "waha": { "server": "w" },
            }),
        ),
        (
            "sessions update a --clear-metadata",
            "UpdateSession",
            json!({
                "session": "a", "updateMask": "metadata",
            }),
        ),
        ("sessions delete a", "DeleteSession", a.clone()),
        ("sessions start a", "StartSession", a.clone()),
        ("sessions stop a", "StopSession", a.clone()),
        ("sessions logout a", "LogoutSession", a.clone()),
        (
            "sessions pairing-code a +49151",
            "RequestPairingCode",
            json!({
                "session": "a", "phoneNumber": "+49151",
            }),
        ),
        ("sessions watch a", "WatchSession", a),
    ];
    assert!(check("SessionsService", "", &cases).await.is_empty());
}

fn state(status: SessionStatus) -> WatchSessionResponse {
    let session = pb::Session {
        name: "a".into(),
        status: status.into(),
        status_reason: if status == SessionStatus::Failed { "no such server" } else { "" }.into(),
        ..Default::default()
    };
    WatchSessionResponse { session: Some(session), ..Default::default() }
}

/// A stream that is handed over, which the client follows at once.
fn handed_over() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("CONNECTION_AGED", "wagroups.v1", HashMap::new());
    Status::with_error_details(Code::Unavailable, "old", details)
}

#[tokio::test]
async fn a_session_is_followed_over_connections_until_it_works() {
    let recorder = Recorder::default();
    let line =
        format!("wagroups sessions watch a --until-working --addr {}", recorder.serve().await);
    recorder.answer(&[state(SessionStatus::Starting)], handed_over());
    let again = [SessionStatus::Starting, SessionStatus::Working].map(state);
    recorder.answer(&again, Status::ok(""));
    let (ended, printed) = outcome(&line).await;
    assert_eq!(ended, ExitCode::SUCCESS);
    assert_eq!(printed, "unknown a  starting\nunknown a  working\n");
    assert_eq!(recorder.take().len(), 2);
}

#[tokio::test]
async fn waiting_for_a_session_that_fails_is_a_failure() {
    let recorder = Recorder::default();
    let line =
        format!("wagroups sessions watch a --until-working --addr {}", recorder.serve().await);
    recorder.answer(&[state(SessionStatus::Failed)], Status::ok(""));
    let (ended, printed) = outcome(&line).await;
    assert_eq!(ended, ExitCode::from(1));
    assert_eq!(printed, "unknown a  failed  (no such server)\n");
}
