//! Other people's requests on their way to a server: with its key, under the session's name there, as they came.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use parking_lot::Mutex;
use reqwest::{Body, Response};
use tokio::time::timeout;

use super::engine::WahaServers;
use super::routes::Route;
use super::server::{traced, without_url};
use crate::domain::error::{Error, Result, causes};
use crate::domain::id::SessionName;
use crate::domain::port::passage::{
    Chunks, Part, Passage, PassedAnswer, PassedBody, PassedRequest,
};
use crate::domain::reason::Reason;

/// How long a server may take until it begins its answer: it may have to fetch, convert and upload a film first.
const HEAD_PATIENCE: Duration = Duration::from_secs(180);
/// How long it may pause within its answer.
const CHUNK_PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer. A list of messages with their media is some megabytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The answer's headers that are passed back: what the body is, and when to retry.
const ANSWER_HEADERS: [&str; 4] =
    ["content-type", "content-disposition", "content-encoding", "retry-after"];

#[async_trait]
impl Passage for WahaServers {
    async fn pass(&self, session: &SessionName, request: PassedRequest) -> Result<PassedAnswer> {
        let Some(route) = self.route_of(session) else {
            let message = format!("session {session} is on no WAHA server; start it");
            return Err(Error::new(Reason::SessionNotWorking, message).with("session", session));
        };
        let Route { server, remote, .. } = route;
        let permit = server.breaker.admit().map_err(|wait| {
            server.unavailable("does not answer; it is tried again soon").retry_after(wait)
        })?;
        let name = |part: Part| match part {
            Part::Text(text) => text,
            Part::Session => remote.to_string(),
        };
        let mut url = server.url.clone();
        url.path_segments_mut()
            .map_err(|()| Error::internal("a server's URL without a path"))?
            .pop_if_empty()
            .extend(request.path.into_iter().map(name));
        if !request.query.is_empty() {
            let pairs = request.query.into_iter().map(|(key, part)| (key, name(part)));
            url.query_pairs_mut().extend_pairs(pairs);
        }
        let is_safe = request.method.is_safe();
        let mut asking = server.client.request(request.method, url).headers(request.headers);
        if let Some(key) = &server.key {
            asking = asking.header("x-api-key", key.clone());
        }
        asking = match request.body {
            PassedBody::Nothing => asking,
            PassedBody::Stream(chunks) => asking.body(Body::wrap(Outgoing(Mutex::new(chunks)))),
            PassedBody::Naming(fields) => asking.body(naming(&remote, &fields)?),
        };
        let sent = timeout(HEAD_PATIENCE, traced(asking).send()).await;
        let open = |what: &str| match is_safe {
            true => server.unavailable(what),
            false => Error::outcome_unknown(format!(
                "the WAHA server {} {what}; it may have happened",
                server.name
            )),
        };
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                // The client broke off its body: no failure of the server, which cannot have acted on it.
                if let Some(broken) = broken_body(&error) {
                    permit.answered();
                    return Err(broken);
                }
                permit.failed();
                server.note_up();
                let cause = without_url(&error);
                return Err(if error.is_connect() {
                    server.unavailable("cannot be reached").caused_by(cause)
                } else {
                    open("hung up without an answer").caused_by(cause)
                });
            }
            Err(_) => {
                permit.failed();
                server.note_up();
                return Err(open("does not answer in time"));
            }
        };
        permit.answered();
        server.note_up();
        // The caller's key is another one, and is good.
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(server.unavailable("does not take the key that the settings have for it"));
        }
        let mut headers = HeaderMap::new();
        for name in ANSWER_HEADERS {
            if let Some(value) = response.headers().get(name) {
                headers.insert(name, value.clone());
            }
        }
        let status = response.status().as_u16();
        Ok(PassedAnswer { status, headers, body: chunks(response) })
    }
}

/// The object with the session's name first.
fn naming(remote: &str, fields: &[u8]) -> Result<Vec<u8>> {
    let name = serde_json::to_string(remote).map_err(Error::internal)?;
    Ok([b"{\"session\":", name.as_bytes(), fields, b"}"].concat())
}

/// Why the caller's own body broke off, where that is the cause.
fn broken_body(error: &reqwest::Error) -> Option<Error> {
    let broken = causes(error).find_map(|cause| cause.downcast_ref::<Error>())?;
    Some(Error::new(broken.reason(), broken.message()))
}

/// The answer as it comes; it is cut off where it is too large or too slow.
fn chunks(response: Response) -> Chunks {
    let answered = futures::stream::unfold(Some((response, 0)), |state| async move {
        let (mut response, taken) = state?;
        let broken = |what: &str| Some((Err(Error::internal(what)), None));
        match timeout(CHUNK_PATIENCE, response.chunk()).await {
            Ok(Ok(None)) => None,
            Ok(Ok(Some(chunk))) if taken + chunk.len() > MAX_ANSWER_BYTES => {
                broken("a WAHA server answers with more than 64 MiB")
            }
            Ok(Ok(Some(chunk))) => {
                let taken = taken + chunk.len();
                Some((Ok(chunk), Some((response, taken))))
            }
            Ok(Err(_)) => broken("a WAHA server broke off its answer"),
            Err(_) => broken("a WAHA server paused within its answer"),
        }
    });
    answered.boxed()
}

/// The request's body. The lock is never taken: it is there because the HTTP client needs a `Sync` body.
struct Outgoing(Mutex<Chunks>);

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Error>>> {
        let chunks = self.get_mut().0.get_mut();
        chunks.poll_next_unpin(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::naming;

    #[test]
    fn the_name_stands_in_the_object_whatever_it_is() {
        let named = naming("a\"b", br#","chatId":"1""#).expect("an object");
        let named: serde_json::Value = serde_json::from_slice(&named).expect("JSON");
        assert_eq!(named, serde_json::json!({ "session": "a\"b", "chatId": "1" }));
    }
}
