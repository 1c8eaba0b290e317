//! Each command beside the call of RelayService that it makes.

use serde_json::json;

use super::recorder::check;

#[tokio::test]
async fn every_call_of_the_relay_has_a_command() {
    let cases = [
        ("relay status", "GetRelay", json!({})),
        ("relay replay --from now", "ReplayRelay", json!({ "latest": {} })),
        ("relay replay --from earliest", "ReplayRelay", json!({ "earliest": {} })),
        ("relay replay --from token:AQID", "ReplayRelay", json!({ "resumeToken": "AQID" })),
    ];
    assert!(check("RelayService", "", &cases).await.is_empty());
}
