//! What WAHA servers tell beside groups comes to the owner, and is wanted wherever a client's socket is. A follower whose
//! clients want any of it has a stream open to the owner: up it go the names that are wanted at the time, down it come the
//! events. Both are messages behind their length; a name or an event that the other version does not know is left out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use http::Response;
use prost::Message;
use tokio_util::codec::{Encoder as _, FramedRead, LengthDelimitedCodec};
use tokio_util::io::StreamReader;
use tonic::body::Body;

use super::Surface;
use super::forward::Forwarder;
use crate::domain::id::SessionName;
use crate::domain::other_event::{MAX_EVENT_BYTES, OtherEvent, OtherEventName, OtherEventNames};
use crate::domain::port::other_events::{OtherEventSource, OtherEvents};

/// Of an event with what is said about it, and of all names that anybody wants.
const MAX_FRAME_BYTES: usize = MAX_EVENT_BYTES + (64 << 10);
/// Between two tries to reach the owner. What is told meanwhile is lost, as it is to a client that connects anew.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Clone, PartialEq, Message)]
struct NamesFrame {
    #[prost(string, repeated, tag = "1")]
    names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct EventFrame {
    #[prost(string, tag = "1")]
    session: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(int64, tag = "4")]
    time: i64,
    #[prost(bytes = "bytes", tag = "5")]
    body: Bytes,
}

impl From<&OtherEventNames> for NamesFrame {
    /// All where there are many, whose receivers choose by themselves: clients name what they like, and the frame is bounded.
    fn from(names: &OtherEventNames) -> Self {
        Self { names: names.to_ask_for().into_iter().map(str::to_owned).collect() }
    }
}

impl From<NamesFrame> for OtherEventNames {
    fn from(frame: NamesFrame) -> Self {
        frame.names.iter().filter_map(|name| name.parse::<OtherEventName>().ok()).collect()
    }
}

impl EventFrame {
    fn of(session: &SessionName, event: &OtherEvent) -> Self {
        let OtherEvent { name, id, time, body } = event.clone();
        Self { session: session.as_str().to_owned(), name, id, time, body }
    }

    fn into_event(self) -> Option<(SessionName, OtherEvent)> {
        let Self { session, name, id, time, body } = self;
        Some((session.parse().ok()?, OtherEvent { name, id, time, body }))
    }
}

/// Behind its length, both ways.
fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_codec()
}

fn framed(message: &impl Message) -> io::Result<Bytes> {
    let mut frame = BytesMut::new();
    codec().encode(Bytes::from(message.encode_to_vec()), &mut frame)?;
    Ok(frame.freeze())
}

/// The messages of a body, until it ends or is none of ours.
fn messages<M: Message + Default>(
    body: impl http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
) -> impl Stream<Item = M> + Send {
    let body = axum::body::Body::new(body).into_data_stream().map_err(io::Error::other);
    FramedRead::new(StreamReader::new(body), codec())
        .scan((), |(), frame| ready(frame.ok().and_then(|frame| M::decode(frame).ok())))
}

/// What the owner serves to its followers.
pub fn other_events_router(source: Arc<dyn OtherEventSource>) -> Router {
    Router::new().fallback(move |request: Request| {
        let names = messages::<NamesFrame>(request.into_body()).map(OtherEventNames::from);
        let events = source.follow(names.boxed());
        let frames = events.map(|(session, event)| framed(&EventFrame::of(&session, &event)));
        ready(Response::new(axum::body::Body::from_stream(frames)))
    })
}

/// Has the owner's events told here, once anybody wants any.
pub async fn follow_other_events(forwarder: Arc<Forwarder>, here: Arc<dyn OtherEvents>) {
    loop {
        let is_wanted = |names: &OtherEventNames| ready(!names.is_empty());
        if here.named().filter(is_wanted).boxed().next().await.is_none() {
            return;
        }
        let cause = match forwarder.open(Surface::OtherEvents, body_of(here.named())).await {
            Ok(answer) => {
                let mut events = messages::<EventFrame>(answer.into_body()).boxed();
                while let Some(frame) = events.next().await {
                    if let Some((session, event)) = frame.into_event() {
                        here.publish(&session, event);
                    }
                }
                "the stream has ended".to_owned()
            }
            Err(cause) => cause,
        };
        tracing::debug!(
            cause,
            "what WAHA servers tell beside groups does not reach this replica; it asks again"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

fn body_of(names: BoxStream<'static, OtherEventNames>) -> Body {
    let frames = names.map(|names| framed(&NamesFrame::from(&names)));
    Body::new(axum::body::Body::from_stream(frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> OtherEvent {
        let body = Bytes::from_static(b"{\n}");
        OtherEvent { name: name.to_owned(), id: "evt_1".to_owned(), time: 7, body }
    }

    #[tokio::test]
    async fn frames_are_read_as_they_were_written_however_they_are_cut() {
        let session: SessionName = "shop".parse().expect("a name");
        let sent = [event("message"), event("presence.update")];
        let frames: Vec<u8> = sent
            .iter()
            .flat_map(|event| framed(&EventFrame::of(&session, event)).expect("short"))
            .collect();
        for size in [1, 3, 1000] {
            let parts: Vec<_> =
                frames.chunks(size).map(Bytes::copy_from_slice).map(Ok::<_, io::Error>).collect();
            let body = axum::body::Body::from_stream(futures::stream::iter(parts));
            let read: Vec<_> =
                messages::<EventFrame>(body).map(EventFrame::into_event).collect().await;
            let expected: Vec<_> =
                sent.iter().map(|event| Some((session.clone(), event.clone()))).collect();
            assert_eq!(read, expected);
        }
    }

    #[tokio::test]
    async fn what_is_no_frame_of_ours_ends_the_stream() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff][..], &[0, 0, 0, 2, 0xff, 0xff], b"GET / HTTP/1.1"] {
            let read: Vec<_> =
                messages::<EventFrame>(axum::body::Body::from(bytes)).collect().await;
            assert!(read.is_empty(), "{read:?}");
        }
    }

    #[test]
    fn however_many_names_clients_wish_for_they_fit_a_frame() {
        let name =
            |number: usize| format!("{number:064}").parse::<OtherEventName>().expect("a name");
        let frame = NamesFrame::from(&(0..20_000).map(name).collect::<OtherEventNames>());
        assert_eq!(frame.names, ["*"]);
        assert!(framed(&frame).expect("short").len() < MAX_FRAME_BYTES);
    }

    #[test]
    fn names_that_are_not_known_are_left_out() {
        let frame = NamesFrame { names: vec!["message".to_owned(), String::new(), "*".to_owned()] };
        let names = OtherEventNames::from(frame);
        assert_eq!(NamesFrame::from(&names).names, ["*", "message"]);
    }
}
