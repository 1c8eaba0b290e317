use std::pin::Pin;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{AbortHandle, AbortRegistration};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::time::advance;
use tonic::{Code, Status};

use super::*;
use crate::domain::reason::Reason;

const MIB: usize = 1 << 20;

fn bounds() -> CallBounds {
    CallBounds {
        listener: "test",
        max_calls: 8,
        max_stranger_calls: 4,
        request_bytes: MIB as u64,
        answer_bytes: 4 * MIB as u64,
        body_timeout: Duration::from_secs(10),
        answer_timeout: Duration::from_secs(30),
        is_shared: true,
        proxies: Arc::default(),
    }
}

/// A connection, and what is ended with it.
fn connection(address: [u8; 4], port: u16) -> (Arc<Connection>, AbortRegistration) {
    let (abort, registration) = AbortHandle::new_pair();
    (Connection::new((address, port).into(), abort), registration)
}

fn is_ended(registration: &AbortRegistration) -> bool {
    registration.handle().is_aborted()
}

fn admit_all(calls: &Calls, key: &str) -> Vec<Arc<Call>> {
    std::iter::from_fn(|| calls.admit(Who::Key(key), None).ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn keys_share_the_places_and_strangers_take_none_of_them() {
    let calls = Calls::new(bounds());
    let (connection, _task) = connection([127, 0, 0, 2], 1);
    let _strangers: Vec<_> =
        (0..100).map(|_| calls.admit(Who::Stranger, Some(&connection))).collect();
    let greedy = admit_all(&calls, "greedy");
    assert_eq!(greedy.len(), 4);
    assert_eq!(admit_all(&calls, "other").len(), 2);
    let refused = calls.admit(Who::Key("greedy"), None).expect_err("no place");
    assert_eq!(refused.reason(), Reason::Overloaded);
    drop(greedy);
    assert_eq!(admit_all(&calls, "greedy").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn of_strangers_the_oldest_of_the_address_that_has_the_most_gives_way() {
    let calls = Calls::new(bounds());
    let (kubelet, kubelet_task) = connection([10, 0, 0, 1], 1);
    let _probe = calls.admit(Who::Stranger, Some(&kubelet)).expect("a place");
    let attackers: Vec<_> = (1..=6).map(|port| connection([10, 0, 0, 2], port)).collect();
    let _calls: Vec<_> = attackers
        .iter()
        .map(|(connection, _)| calls.admit(Who::Stranger, Some(connection)).expect("a place"))
        .collect();
    let ended: Vec<bool> = attackers.iter().map(|(_, task)| is_ended(task)).collect();
    assert_eq!(ended, [true, true, true, false, false, false]);
    assert!(!is_ended(&kubelet_task));
}

#[tokio::test(start_paused = true)]
async fn behind_a_proxy_each_connection_is_somebody_else() {
    let proxies = Arc::new([IpAddr::from([10, 0, 0, 2])].into());
    let calls = Calls::new(CallBounds { proxies, ..bounds() });
    let (greedy, greedy_task) = connection([10, 0, 0, 2], 1);
    let (honest, honest_task) = connection([10, 0, 0, 2], 2);
    let _honest = calls.admit(Who::Stranger, Some(&honest)).expect("a place");
    let _greedy: Vec<_> =
        (0..8).map(|_| calls.admit(Who::Stranger, Some(&greedy)).expect("a place")).collect();
    assert!(is_ended(&greedy_task));
    assert!(!is_ended(&honest_task));
}

#[tokio::test(start_paused = true)]
async fn who_keeps_us_waiting_gives_way_to_those_who_do_not() {
    let calls = Calls::new(CallBounds { is_shared: false, ..bounds() });
    let (waiting, waiting_task) = connection([127, 0, 0, 1], 1);
    let (working, working_task) = connection([127, 0, 0, 1], 2);
    let slow = calls.admit(Who::Key("key"), Some(&waiting)).expect("a place");
    slow.answer(10, true).expect("room");
    let busy: Vec<_> = (0..7)
        .map(|_| {
            let call = calls.admit(Who::Key("key"), Some(&working)).expect("a place");
            call.received();
            call
        })
        .collect();
    assert!(calls.admit(Who::Key("key"), None).is_err(), "nobody has waited for long");
    advance(PATIENCE_UNDER_PRESSURE).await;
    calls.admit(Who::Key("key"), None).expect("the place of the one that is not taken");
    assert!(is_ended(&waiting_task));
    assert!(!is_ended(&working_task));
    drop((slow, busy));
    assert_eq!(calls.0.table().held(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_large_answer_is_held_where_there_is_room_and_a_small_one_always() {
    let calls = Calls::new(bounds());
    let mut held = Vec::new();
    for _ in 0..2 {
        let call = calls.admit(Who::Key("greedy"), None).expect("a place");
        call.answer(MIB, true).expect("room");
        held.push(call);
    }
    let third = calls.admit(Who::Key("greedy"), None).expect("a place");
    assert!(third.answer(MIB, true).is_err(), "more than is left for others");
    third.answer(100 << 10, true).expect("a small one is held");
    let other = calls.admit(Who::Key("other"), None).expect("a place");
    other.answer(MIB - (100 << 10), true).expect("room for somebody else");
}

#[tokio::test(start_paused = true)]
async fn who_is_over_the_own_share_takes_nothing_from_those_within_theirs() {
    let calls = Calls::new(bounds());
    let (honest, honest_task) = connection([127, 0, 0, 1], 1);
    let waiting = calls.admit(Who::Key("honest"), Some(&honest)).expect("a place");
    waiting.answer(10, true).expect("room");
    let busy = admit_all(&calls, "greedy");
    for call in &busy {
        call.received();
    }
    advance(PATIENCE_UNDER_PRESSURE).await;
    assert!(calls.admit(Who::Key("greedy"), None).is_err());
    assert!(!is_ended(&honest_task));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_carries_more_is_not_ended_for_one_answer() {
    let calls = Calls::new(CallBounds { is_shared: false, max_calls: 2, ..bounds() });
    let (shared, task) = connection([127, 0, 0, 1], 1);
    let untaken = calls.admit(Who::Key("key"), Some(&shared)).expect("a place");
    untaken.answer(10, true).expect("room");
    let busy = calls.admit(Who::Key("key"), Some(&shared)).expect("a place");
    busy.received();
    advance(Duration::from_secs(3600)).await;
    calls.end_overdue();
    assert!(calls.admit(Who::Key("key"), None).is_err());
    assert!(!is_ended(&task), "others wait for what it carries");
    busy.answer(10, true).expect("room");
    calls.end_overdue();
    assert!(is_ended(&task), "now nobody does");
}

#[tokio::test(start_paused = true)]
async fn of_what_was_done_somebody_is_told_whatever_it_takes() {
    let calls = Calls::new(bounds());
    let full = calls.admit(Who::Key("key"), None).expect("a place");
    full.answer(2 * MIB, true).expect("room");
    let call = || calls.admit(Who::Key("key"), None).expect("a place");
    assert!(call().answer(MIB, true).is_err());
    call().answer(MIB, false).expect("it was done");
}

#[tokio::test(start_paused = true)]
async fn a_large_answer_ends_once_all_of_it_has_left() {
    let calls = Calls::new(bounds());
    let call = calls.admit(Who::Key("key"), None).expect("a place");
    let first = Bytes::from(vec![7; 100 << 10]);
    call.answer(first.len(), true).expect("room");
    let mut body = AnswerBody::new(Full::new(Bytes::new()), Some(answer::Answer { call, first }));
    let mut pieces = Vec::new();
    while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
        pieces.push(frame.into_data().expect("data"));
    }
    assert_eq!(pieces.concat().len(), 100 << 10);
    assert!(body.frame().now_or_never().is_none(), "not while it is on its way");
    drop(pieces);
    assert!(matches!(body.frame().now_or_never(), Some(None)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_in_time_is_ended_and_a_slow_one_is_not() {
    let calls = Calls::new(bounds());
    let (still, still_task) = connection([127, 0, 0, 1], 1);
    let (slow, slow_task) = connection([127, 0, 0, 1], 2);
    let untaken = calls.admit(Who::Key("key"), Some(&still)).expect("a place");
    untaken.answer(10, true).expect("room");
    let taken = calls.admit(Who::Key("key"), Some(&slow)).expect("a place");
    taken.answer(10, true).expect("room");
    for _ in 0..40 {
        advance(Duration::from_secs(1)).await;
        taken.sent(SLOWEST as usize);
        calls.end_overdue();
    }
    assert!(is_ended(&still_task));
    assert!(!is_ended(&slow_task));
}

#[tokio::test(start_paused = true)]
async fn a_place_is_held_until_the_last_piece_has_left() {
    let calls = Calls::new(bounds());
    let call = calls.admit(Who::Key("key"), None).expect("a place");
    call.answer(100 << 10, true).expect("room");
    let mut body = AnswerBody::holding(Full::new(Bytes::from(vec![7; 100 << 10])), call);
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        pieces.push(frame.expect("a frame").into_data().expect("data"));
    }
    assert!(pieces.iter().all(|piece| piece.len() <= 16 << 10), "in small pieces");
    assert_eq!(pieces.concat().len(), 100 << 10);
    drop(body);
    let last = pieces.pop().expect("a piece");
    drop(pieces);
    assert_eq!(calls.0.table().held().0, 1);
    drop(last);
    assert_eq!(calls.0.table().held(), (0, 0, 0));
}

/// What a body gives without waiting.
async fn take_all<B>(body: &mut AnswerBody<B>) -> Vec<Bytes>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut pieces = Vec::new();
    while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
        pieces.push(frame.into_data().expect("data"));
    }
    pieces
}

/// Small events are counted now and then only: what is held of them is little all the same, however many there are.
#[tokio::test(start_paused = true)]
async fn a_stream_of_small_events_that_is_not_taken_holds_little_too() {
    let calls = Calls::new(bounds());
    let frame = || Ok::<_, std::io::Error>(http_body::Frame::data(vec![7; 300].into()));
    let call = calls.admit(Who::Key("key"), None).expect("a place");
    call.seated();
    let frames = StreamBody::new(futures::stream::repeat_with(frame));
    let mut body = AnswerBody::holding(frames, call);
    let held = |pieces: &[Bytes]| pieces.iter().map(Bytes::len).sum::<usize>();
    for _ in 0..3 {
        let mut pieces = take_all(&mut body).await;
        assert!((48 << 10..=52 << 10).contains(&held(&pieces)), "{}", held(&pieces));
        // As they leave, in their order: nothing comes before the first that is counted.
        let left = pieces.drain(..100).map(|piece| piece.len()).sum::<usize>();
        let more = held(&take_all(&mut body).await);
        assert!(more > 0 && more <= left, "{more} for {left}");
    }
    drop(body);
    assert_eq!(calls.0.table().held(), (0, 0, 0), "all is given back");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_taken_holds_little_and_goes_on_once_it_is() {
    let calls = Calls::new(CallBounds { answer_bytes: 80 << 10, ..bounds() });
    let frames = || {
        let frame = || Ok::<_, std::io::Error>(http_body::Frame::data(vec![7; 8 << 10].into()));
        StreamBody::new(futures::stream::repeat_with(frame))
    };
    let stream = || {
        let call = calls.admit(Who::Key("key"), None).expect("a place");
        call.seated();
        AnswerBody::holding(frames(), call)
    };
    let mut first = stream();
    let mut second = stream();
    let held_by_first = take_all(&mut first).await;
    assert_eq!(held_by_first.concat().len(), 48 << 10);
    // The rest of the key's share is less than what a stream may hold beside what each may.
    let held_by_second = take_all(&mut second).await;
    assert_eq!(held_by_second.concat().len(), 16 << 10);
    drop(held_by_second);
    assert_eq!(take_all(&mut second).await.concat().len(), 16 << 10);
    drop(held_by_first);
    assert_eq!(take_all(&mut first).await.concat().len(), 48 << 10);
    assert_eq!(calls.0.table().held(), (0, 0, 32 << 10), "a stream takes no place of a call");
    drop((first, second));
    assert_eq!(calls.0.table().held(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_place_is_free_before_the_end_of_the_answer_arrives() {
    let calls = Calls::new(bounds());
    let call = calls.admit(Who::Key("key"), None).expect("a place");
    call.answer(10, true).expect("room");
    let trailers = std::future::ready(Some(Ok(http::HeaderMap::new())));
    let whole = Full::new(Bytes::from_static(b"0123456789")).with_trailers(trailers);
    let mut body = AnswerBody::holding(Box::pin(whole), call);
    drop(body.frame().await.expect("the answer"));
    assert_eq!(calls.0.table().held().0, 1, "its end is to come");
    let end = body.frame().await.expect("trailers").expect("no error");
    assert!(end.is_trailers());
    assert_eq!(calls.0.table().held().0, 0);
    drop(body);
}

#[tokio::test(start_paused = true)]
async fn each_part_of_an_answer_waits_for_the_last_to_leave_and_the_largest_counts() {
    let calls = Calls::new(bounds());
    let (connection, task) = connection([127, 0, 0, 2], 1);
    let call = calls.admit(Who::Key("key"), Some(&connection)).expect("a place");
    let frame = |length| Ok::<_, std::io::Error>(http_body::Frame::data(vec![7; length].into()));
    let parts = StreamBody::new(futures::stream::iter([frame(MIB), frame(10), frame(2 * MIB)]));
    call.answer(100, true).expect("room");
    let mut body = AnswerBody::in_parts(parts, call, Bytes::from(vec![7; 100]));
    let mut take = || body.frame().now_or_never().map(|frame| frame.expect("a frame"));
    let held = || calls.0.table().held().2 as usize;

    let first = take().expect("the first part");
    assert!(take().is_none(), "the next one waits");
    assert_eq!(held(), 0, "a small one goes with the place");
    drop(first);
    for _ in 0..MIB / (16 << 10) {
        take().expect("the second part").expect("its bytes");
    }
    assert_eq!(held(), MIB);
    take().expect("the third part").expect("its bytes");
    assert_eq!(held(), MIB, "as it may be so large again");
    assert!(!is_ended(&task));
    let _others: Vec<_> = (0..2)
        .map(|_| {
            let call = calls.admit(Who::Key("key"), None).expect("a place");
            call.answer(MIB / 2, true).expect("room");
            call
        })
        .collect();
    assert!(take().is_none(), "a part for which there is no room does not come");
    assert!(is_ended(&task), "and the peer learns that not all has come");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_next_part_of_an_answer_is_not_slow() {
    let calls = Calls::new(bounds());
    let (connection, task) = connection([127, 0, 0, 2], 1);
    let call = calls.admit(Who::Key("key"), Some(&connection)).expect("a place");
    call.answer(100, true).expect("room");
    let silent = StreamBody::new(futures::stream::pending::<
        Result<http_body::Frame<Bytes>, std::io::Error>,
    >());
    let mut body = AnswerBody::in_parts(silent, call, Bytes::from(vec![7; 100]));
    drop(body.frame().await);
    assert!(body.frame().now_or_never().is_none());
    advance(calls.bounds().answer_timeout * 2).await;
    calls.end_overdue();
    assert!(!is_ended(&task));
}

async fn read<B>(body: ReceivedBody<B>) -> Result<Bytes, Status>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    body.collect().await.map(http_body_util::Collected::to_bytes)
}

fn message(announced: u32, length: usize) -> Bytes {
    let mut bytes = vec![0];
    bytes.extend(announced.to_be_bytes());
    bytes.resize(5 + length, 0);
    bytes.into()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_refused_by_its_announced_length() {
    let calls = Calls::new(bounds());
    let call = calls.admit(Who::Key("key"), None).expect("a place");
    let body = |bytes| ReceivedBody::new(Full::new(bytes), call.clone(), Some(1000));
    assert_eq!(read(body(message(1000, 1000))).await.expect("as large as may be").len(), 1005);
    let refused = read(body(message(1001, 1))).await.expect_err("too large");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let refused = read(body(message(10, 2000))).await.expect_err("more than announced");
    assert_eq!(refused.code(), Code::ResourceExhausted);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up_and_one_broken_off_is_no_fault_of_ours() {
    let calls = Calls::new(bounds());
    let call = calls.admit(Who::Stranger, None).expect("a place");
    let silent = StreamBody::new(futures::stream::pending::<
        Result<http_body::Frame<Bytes>, std::io::Error>,
    >());
    let began = Instant::now();
    let given_up =
        read(ReceivedBody::new(silent, call.clone(), Some(1000))).await.expect_err("too slow");
    assert_eq!(given_up.code(), Code::DeadlineExceeded);
    assert!(began.elapsed() >= calls.bounds().body_timeout);

    let broken = StreamBody::new(futures::stream::iter([Err::<http_body::Frame<Bytes>, _>(
        std::io::Error::from(std::io::ErrorKind::ConnectionReset),
    )]));
    let broken = read(ReceivedBody::new(broken, call, Some(1000))).await.expect_err("broken off");
    assert_eq!(broken.code(), Code::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn bodies_share_what_there_is_by_key() {
    let calls = Calls::new(bounds());
    let call = |key| calls.admit(Who::Key(key), None).expect("a place");
    let greedy = call("greedy");
    greedy.receive(MIB / 2).expect("half of it");
    assert!(greedy.receive(1).is_err());
    call("other").receive(MIB / 4).expect("room for somebody else");
    greedy.answer(0, true).expect("room");
    assert_eq!(calls.0.table().held().1, 0, "the request is gone once it is answered");
}

#[test]
fn a_body_says_how_long_it_is() {
    let body = AnswerBody::new(Full::new(Bytes::from_static(b"abc")), None);
    assert_eq!(body.size_hint().exact(), Some(3));
    let _ = Pin::new(&body);
}
