//! Each command beside the call of WebhooksService that it makes.

use serde_json::json;

use super::recorder::check;

#[tokio::test]
async fn every_call_of_webhooks_has_a_command() {
    let id = json!({ "webhookId": "w" });
    let create = "webhooks create http://a/b --session s --event group.v2.join --header x-a:1 --passed-on-event * \
                  --retry-policy linear --retry-delay 5s --retry-attempts 0 --from earliest --paused";
    let cases = [
        (
            create,
            "CreateWebhook",
            json!({
                "url": "http://a/b", "sessions": ["s"], "events": ["group.v2.join"],
                "passedOnEvents": ["*"], "headers": [{ "name": "x-a", "value": "1" }],
                "retries": { "policy": "RETRY_POLICY_LINEAR", "delay": "5s", "attempts": 0 },
                "paused": true, "earliest": {},
            }),
        ),
        ("webhooks create http://a/b", "CreateWebhook", json!({ "url": "http://a/b" })),
        ("webhooks get w", "GetWebhook", id.clone()),
        (
            "webhooks list --state paused-by-failure",
            "ListWebhooks",
            json!({ "states": ["WEBHOOK_STATE_PAUSED_BY_FAILURE"] }),
        ),
        (
            "webhooks update w --url http://c --all-sessions --no-hmac-key --no-headers --no-passed-on-events",
            "UpdateWebhook",
            json!({
                "webhookId": "w", "updateMask": "url,sessions,passedOnEvents,hmacKey,headers",
                "url": "http://c",
            }),
        ),
        (
            "webhooks update w --event group.v2.leave --retry-attempts 3",
            "UpdateWebhook",
            json!({
                "webhookId": "w", "updateMask": "events,retries", "events": ["group.v2.leave"],
                "retries": { "attempts": 3 },
            }),
        ),
        ("webhooks delete w", "DeleteWebhook", id.clone()),
        ("webhooks pause w", "PauseWebhook", id.clone()),
        ("webhooks resume w", "ResumeWebhook", id.clone()),
        (
            "webhooks replay w --from token:AQID",
            "ReplayWebhook",
            json!({ "webhookId": "w", "resumeToken": "AQID" }),
        ),
        (
            "webhooks replay w --from now",
            "ReplayWebhook",
            json!({ "webhookId": "w", "latest": {} }),
        ),
        ("webhooks test w", "TestWebhook", id),
    ];
    assert!(check("WebhooksService", "", &cases).await.is_empty());
}
