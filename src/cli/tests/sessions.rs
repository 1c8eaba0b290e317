use serde_json::json;

use super::recorder::check;

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
                "session": "a", "updateMask": "metadata,waha",
                "metadata": { "k": "v" }, "waha": { "server": "w" },
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
