//! Routes beside groups, a few of each kind: the answer repeats what was asked, as it came.

use serde_json::{Value, json};

use super::WahaServer;
use super::call::Call;
use super::dispatch::unknown_route;
use super::reply::{Answer, Problem, Reply};
use super::session::WORKING;

impl WahaServer {
    pub(super) async fn answer_of_others(&self, call: &Call) -> Answer {
        let body = call.json();
        let session = match (&*call.method, &*call.segments()) {
            ("POST", ["api", "sendText" | "sendFile" | "sendSticker"])
            | ("PUT", ["api", "reaction"]) => {
                body["session"].as_str().unwrap_or_default().to_owned()
            }
            ("GET", ["api", "contacts"] | ["api", "contacts", "all"]) => {
                call.query("session").unwrap_or_default().to_owned()
            }
            ("GET", ["api", "sessions", session, "timelock" | "capping"])
            | (_, ["api", session, "chats" | "calls" | "contacts" | "new-message-id", ..]) => {
                (*session).to_owned()
            }
            _ => return Err(unknown_route(call)),
        };
        self.expect_session(&session, WORKING).await?;
        if call.query("limit") == Some("0") {
            return Err(Problem::bad_request(&["limit must not be less than 1"]));
        }
        let headers = call.headers.iter();
        let headers: Value =
            headers.map(|(name, value)| (name.to_string(), json!(value.to_str().ok()))).collect();
        let asked = json!({
            "method": call.method, "path": call.path, "query": call.query, "body": body,
            "headers": headers,
        });
        let status = if call.method == "POST" { 201 } else { 200 };
        let reply = Reply::json(&asked).with_status(status);
        Ok(reply.with_header("set-cookie", "server=secret").with_header("x-powered-by", "Express"))
    }
}
