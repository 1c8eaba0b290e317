//! From a request to its answer, in WAHA's order: key, route, session, query, body, handler.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};

use super::call::{Call, Text};
use super::listener::Scissors;
use super::reply::{Answer, Problem, Reply, environment};
use super::route::GroupCall;
use super::session::WORKING;
use super::{WahaServer, fault, version, websocket};

/// Answers a request, unless a fault has other plans.
pub async fn answer(server: Arc<WahaServer>, request: Request, scissors: Scissors) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::read(Request::from_parts(parts.clone(), body)).await;
    server.record(&call);
    let fault = fault::take(&mut server.faults.lock().expect("the faults"), &call);
    if call.path == "/ws" && fault.is_none() {
        return websocket::answer(server, &call, parts).await;
    }
    let reply = match fault {
        None => server.apply(&call).await,
        Some(fault) => {
            let applied = if fault.lets_apply() { Some(server.apply(&call).await) } else { None };
            let struck = fault.strike(applied, &scissors).await;
            struck.unwrap_or_else(|problem| server.word(&problem, &call))
        }
    };
    reply.into_response()
}

impl WahaServer {
    /// Carries the request out to its end, even if who asked goes away.
    async fn apply(self: &Arc<Self>, call: &Call) -> Reply {
        let (server, call) = (self.clone(), call.clone());
        let applied = tokio::spawn(async move {
            match server.handle(&call).await {
                Ok(reply) => {
                    server.note_act(&call);
                    reply
                }
                Err(problem) => server.word(&problem, &call),
            }
        });
        let reply = applied.await.expect("the stand-in does not fail");
        if self.options.version() >= version::JOIN_REQUESTS {
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            return reply.with_header("traceparent", trace);
        }
        reply
    }

    fn word(&self, problem: &Problem, call: &Call) -> Reply {
        if let Problem::Impolite { what, .. } = problem {
            self.note_violation(call, what);
        }
        problem.reply(call, &self.options, &self.now().to_string())
    }

    fn check_key(&self, call: &Call) -> Result<(), Problem> {
        let Some(wanted) = self.options.api_key else { return Ok(()) };
        let reads_query = self.options.version() >= version::KEY_IN_QUERY;
        let in_query = if reads_query { call.query("x-api-key") } else { None };
        match call.api_key.as_deref().or(in_query) {
            Some(key) if key == wanted => Ok(()),
            Some(_) => Err(Problem::unauthorized()),
            None => {
                self.note_violation(call, "there is no X-Api-Key");
                Err(Problem::unauthorized())
            }
        }
    }

    async fn handle(self: &Arc<Self>, call: &Call) -> Answer {
        let segments = call.segments();
        if segments == ["ping"] {
            return Ok(Reply::json(&json!({ "message": "pong" })));
        }
        self.check_key(call)?;
        if let Text::Unreadable(why) = &call.body {
            self.note_violation(call, why);
            return Err(Problem::bad_request(&[why.as_str()]));
        }
        match (&*call.method, &*segments) {
            ("GET", ["health"]) => Ok(Reply::json(&json!({ "status": "ok", "info": {} }))),
            ("GET", ["api", "server", "version"] | ["api", "version"]) => {
                Ok(Reply::json(&environment(&self.options)))
            }
            ("GET", ["api", "contacts", "check-exists"]) => {
                let name = call.query("session").unwrap_or_default();
                self.expect_session(name, WORKING).await?;
                self.answer_whether_exists(call).await
            }
            ("GET", ["api", "sessions", _, "timelock" | "capping"]) => {
                self.answer_of_others(call).await
            }
            (_, ["api", "sessions", rest @ ..]) => self.answer_of_sessions(call, rest).await,
            (method, ["api", name, "groups", rest @ ..]) => {
                let version = self.options.version();
                let Some(of_group) = GroupCall::of(method, rest, version) else {
                    return Err(unknown_route(call));
                };
                let session = self.expect_session(name, WORKING).await?;
                call.check_query(of_group.query())?;
                call.fields(of_group.fields(), &[])?;
                let id = rest.first().copied().unwrap_or_default();
                self.answer_of_group(call, of_group, &session, id).await
            }
            ("GET", ["api", name, "lids", rest @ ..]) => {
                let session = self.expect_session(name, WORKING).await?;
                self.answer_of_lids(call, &session, rest).await
            }
            (_, ["api", name, "auth", rest @ ..]) => self.answer_of_pairing(call, name, rest).await,
            _ => self.answer_of_others(call).await,
        }
    }
}

pub fn unknown_route(call: &Call) -> Problem {
    Problem::not_found(&format!("Cannot {} {}", call.method, call.path))
}

/// A page of a list, as WAHA's own lists are paged.
pub fn page(call: &Call, rows: Vec<Value>, default_limit: usize) -> Vec<Value> {
    let number = |name: &str| call.query(name).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").unwrap_or(default_limit);
    rows.into_iter().skip(number("offset").unwrap_or(0)).take(limit).collect()
}
