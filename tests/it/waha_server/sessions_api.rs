//! The routes of sessions: made, started, linked.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wagroups::domain::port::engine::{GroupEngine, Started};

use super::WahaServer;
use super::call::{Call, check_fields};
use super::dispatch::unknown_route;
use super::reply::{Answer, Problem, Reply};
use super::session::{SCAN_QR_CODE, STARTING, STOPPED, Session, WORKING};

const START_TAKES: Duration = Duration::from_millis(30);
/// Between the stop and the start of a session that begins anew. WAHA waits 3 s.
const RESTS: Duration = Duration::from_millis(60);
const WEBHOOK_FIELDS: [&str; 4] = ["hmac", "retries", "customHeaders", "events"];

impl WahaServer {
    pub(super) async fn answer_of_sessions(
        self: &Arc<Self>,
        call: &Call,
        segments: &[&str],
    ) -> Answer {
        match (&*call.method, segments) {
            ("GET", []) => {
                call.check_query(&["all", "expand"])?;
                let shows_all = call.query("all") == Some("true");
                let sessions = self.sessions.lock().expect("the sessions");
                let shown = sessions
                    .values()
                    .filter(|session| shows_all || session.status != STOPPED)
                    .map(|session| self.shown(session, false));
                Ok(Reply::json(&shown.collect()))
            }
            ("POST", []) => self.create_session(call).await,
            ("GET", [name]) => Ok(Reply::json(&self.shown(&self.existing(name)?, true))),
            ("PUT", [name]) => {
                let fields = call.fields(&[], &["name", "config", "apps"])?;
                let config = fields.get("config").cloned().unwrap_or(Value::Null);
                check_config(&config)?;
                let status = self.existing(name)?.status;
                self.change_session(name, |session| session.config = config);
                if status != STOPPED {
                    self.begin_anew(name).await;
                }
                Ok(Reply::json(&self.shown(&self.existing(name)?, false)))
            }
            ("DELETE", [name]) => {
                self.existing(name)?;
                self.stop_session(name).await;
                self.sessions.lock().expect("the sessions").remove(*name);
                Ok(Reply::nothing())
            }
            ("GET", [name, "me"]) => match self.find_session(name) {
                Some(session) if session.status != STOPPED => match session.me() {
                    Value::Null => Ok(Reply::nothing()),
                    me => Ok(Reply::json(&me)),
                },
                Some(_) | None => Err(Problem::not_found(&format!(
                    "We didn't find a session with name '{name}'.\nPlease start it first by using \
                     POST /api/sessions/{name}/start request"
                ))),
            },
            ("POST", [name, action @ ("start" | "stop" | "restart" | "logout")]) => {
                call.fields(&[], &[])?;
                let session = self.existing(name)?;
                match *action {
                    "start" if session.status != STOPPED => {}
                    "start" => self.start_session(name).await,
                    "stop" => self.stop_session(name).await,
                    "restart" => self.begin_anew(name).await,
                    _ => self.log_out_session(&session).await,
                }
                Ok(Reply::json(&self.shown(&self.existing(name)?, false)).with_status(201))
            }
            _ => Err(unknown_route(call)),
        }
    }

    /// `/api/{session}/auth/…`: what links a device.
    pub(super) async fn answer_of_pairing(
        &self,
        call: &Call,
        name: &str,
        segments: &[&str],
    ) -> Answer {
        match (&*call.method, segments) {
            ("GET", ["qr"]) => {
                call.check_query(&["format"])?;
                let session = self.expect_session(name, SCAN_QR_CODE).await?;
                if call.query("format") != Some("raw") {
                    return Err(Problem::impolite("the stand-in draws no QR codes: format=raw"));
                }
                match self.simulator().start(&session.simulated).await.expect("a start") {
                    Started::Pairing(code) => Ok(Reply::json(&json!({ "value": code.value }))),
                    Started::Online | Started::Connecting => {
                        unreachable!("a linked session shows no code")
                    }
                }
            }
            ("POST", ["request-code"]) => {
                call.fields(&["phoneNumber"], &["method"])?;
                let session = self.expect_session(name, SCAN_QR_CODE).await?;
                let phone = call.text("phoneNumber")?;
                if phone.is_empty() || !phone.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(Problem::impolite(format!("{phone} is not only digits")));
                }
                let phone = phone.parse().map_err(Problem::impolite)?;
                let code = self.simulator().request_pairing_code(&session.simulated, phone).await;
                let code = code.expect("a code").code;
                let (first, second) = code.split_at(4);
                let code = format!("{first}-{second}");
                Ok(Reply::json(&json!({ "code": code })).with_status(201))
            }
            _ => Err(unknown_route(call)),
        }
    }

    async fn create_session(self: &Arc<Self>, call: &Call) -> Answer {
        let fields = call.fields(&[], &["name", "start", "config", "apps"])?;
        let config = fields.get("config").cloned().unwrap_or(Value::Null);
        check_config(&config)?;
        let name = fields.get("name").and_then(Value::as_str).unwrap_or("default");
        if self.find_session(name).is_some() {
            let message = format!("Session '{name}' already exists. Use PUT to update it.");
            return Err(Problem::Http {
                status: 422,
                message: json!(message),
                error: Some("Unprocessable Entity"),
            });
        }
        self.add_unlinked_session(name).await;
        self.change_session(name, |session| session.config = config);
        if fields.get("start").and_then(Value::as_bool).unwrap_or(true) {
            self.start_session(name).await;
        }
        Ok(Reply::json(&self.shown(&self.existing(name)?, false)).with_status(201))
    }

    /// It takes a while, which nobody waits for.
    async fn start_session(self: &Arc<Self>, name: &str) {
        self.note_status(name, STARTING).await;
        let (server, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(START_TAKES).await;
            let Some(session) = server.find_session(&name) else { return };
            if session.status == STARTING {
                let next = if session.is_linked { WORKING } else { SCAN_QR_CODE };
                server.set_status(&name, next).await;
            }
        });
    }

    /// STOPPED for a while, then STARTING, for which nobody waits.
    async fn begin_anew(self: &Arc<Self>, name: &str) {
        self.stop_session(name).await;
        let (server, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(RESTS).await;
            if server.find_session(&name).is_some_and(|session| session.status == STOPPED) {
                server.start_session(&name).await;
            }
        });
    }

    async fn stop_session(&self, name: &str) {
        self.set_status(name, STOPPED).await;
    }

    /// Unlinks the device; who ran then waits to be linked again.
    async fn log_out_session(self: &Arc<Self>, session: &Session) {
        self.simulator().log_out(&session.simulated).await.expect("unlinked");
        self.change_session(&session.name, |session| session.is_linked = false);
        if session.status != STOPPED {
            self.begin_anew(&session.name).await;
        }
    }

    fn existing(&self, name: &str) -> Result<Session, Problem> {
        self.find_session(name).ok_or_else(|| Problem::not_found("Session not found"))
    }

    fn shown(&self, session: &Session, with_engine: bool) -> Value {
        let mut shown = json!({
            "name": session.name, "status": session.status, "config": session.config,
            "me": session.me(), "presence": null, "timestamps": { "activity": null },
        });
        if with_engine {
            shown["engine"] = json!({ "engine": self.options.engine.as_str() });
        }
        shown
    }
}

/// WAHA drops what it does not know of a webhook; a client that relies on it is wrong.
fn check_config(config: &Value) -> Result<(), Problem> {
    for webhook in config.get("webhooks").and_then(Value::as_array).into_iter().flatten() {
        let Some(fields) = webhook.as_object() else {
            return Err(Problem::impolite("a webhook is no object"));
        };
        check_fields("a webhook", fields, &["url", "events"], &WEBHOOK_FIELDS)?;
    }
    Ok(())
}
