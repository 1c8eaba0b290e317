//! Pictures by URL, over real HTTP: what is fetched, and what is refused with which cause.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use image::{DynamicImage, ImageFormat, RgbImage};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use wagroups::domain::Reason;
use wagroups::domain::port::picture::{PictureMaker, PictureSource, PictureUrl};
use wagroups::picture::{Options, Pictures};
use wagroups::tls::Trust;

fn png() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::new(32, 16))
        .write_to(&mut file, ImageFormat::Png)
        .expect("a file");
    file.into_inner()
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// A server with every kind of answer.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let huge = || async {
        let chunk = Bytes::from(vec![0; 1 << 20]);
        typed(
            "image/png",
            Body::from_stream(futures::stream::iter(vec![chunk; 12]).map(Ok::<_, std::io::Error>)),
        )
    };
    let app = Router::new()
        .route("/picture", get(|| async { typed("image/png", png()) }))
        .route("/bytes", get(|| async { typed("application/octet-stream", png()) }))
        .route("/untyped", get(|| async { Body::from(png()).into_response() }))
        .route("/html", get(|| async { typed("text/html", "<!doctype html>") }))
        .route("/text-as-image", get(|| async { typed("image/png", "not one") }))
        .route("/missing", get(|| async { (StatusCode::NOT_FOUND, "no").into_response() }))
        .route("/no-content", get(|| async { StatusCode::NO_CONTENT.into_response() }))
        .route("/once", get(|| async { Redirect::temporary("/picture") }))
        .route("/loop", get(|| async { Redirect::temporary("/loop") }))
        .route("/nowhere", get(|| async { StatusCode::FOUND.into_response() }))
        .route("/file", get(|| async { Redirect::temporary("file:///etc/passwd") }))
        .route("/huge", get(huge))
        .route(
            "/slow",
            get(|| async {
                let drops = futures::stream::iter(0..).then(|_| async {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Ok::<_, std::io::Error>(Bytes::from_static(b"."))
                });
                typed("image/png", Body::from_stream(drops))
            }),
        )
        .route(
            "/headers",
            get(|headers: HeaderMap| async move {
                assert!(
                    headers.get(header::COOKIE).is_none() && headers.get(header::REFERER).is_none()
                );
                typed("image/png", png())
            }),
        );
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn maker(allow_private_addresses: bool) -> Pictures {
    let fetch_timeout = Duration::from_secs(2);
    let options = Options { allow_private_addresses, fetch_timeout, is_shared: false };
    Pictures::new(options, &Trust::default()).expect("a maker")
}

async fn make(maker: &Pictures, url: &str) -> Result<(), (Reason, String)> {
    let url: PictureUrl = url.parse().expect("a URL");
    match maker.make("", PictureSource::Url(url)).await {
        Ok(picture) => {
            let picture = image::load_from_memory(picture.jpeg()).expect("a JPEG");
            assert_eq!((picture.width(), picture.height()), (640, 640));
            Ok(())
        }
        Err(error) => {
            let cause = error.metadata().get("cause").cloned().unwrap_or_default();
            Err((error.reason(), cause))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_fetched_or_refused_with_its_cause() {
    let address = server().await;
    let maker = maker(true);
    let failed = |cause: &str| Err((Reason::PictureFetchFailed, cause.to_owned()));
    let cases = [
        ("picture", Ok(())),
        ("bytes", Ok(())),
        ("untyped", Ok(())),
        ("once", Ok(())),
        ("headers", Ok(())),
        ("html", failed("TYPE")),
        ("text-as-image", Err((Reason::InvalidPicture, String::new()))),
        ("missing", failed("STATUS")),
        ("no-content", failed("STATUS")),
        ("loop", failed("REDIRECTS")),
        ("nowhere", failed("REDIRECTS")),
        ("file", failed("REDIRECTS")),
        ("huge", failed("SIZE")),
        ("slow", failed("TIMEOUT")),
    ];
    for (path, wanted) in cases {
        assert_eq!(make(&maker, &format!("http://{address}/{path}")).await, wanted, "{path}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = nobody.local_addr().expect("an address");
    drop(nobody);
    assert_eq!(make(&maker, &format!("http://{closed}/")).await, failed("CONNECT"));
    assert_eq!(make(&maker, "http://no-such-host.invalid/").await, failed("CONNECT"));
}

/// Slow addresses of one key keep nobody else's pictures out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_places_of_pictures_are_shared_by_keys() {
    let (address, mut sending) = dripping_server().await;
    let fetch_timeout = Duration::from_secs(2);
    let options = Options { allow_private_addresses: true, fetch_timeout, is_shared: true };
    let maker = Pictures::new(options, &Trust::default()).expect("a maker");
    let slow: PictureUrl = format!("http://{address}/").parse().expect("a URL");
    let slow = (0..8).map(|_| maker.make("greedy", PictureSource::Url(slow.clone())));
    let others = async {
        // As many as one key has places for.
        sending.wait_for(|count| *count >= 4).await.expect("a server");
        for key_name in ["other", "third"] {
            let made = maker.make(key_name, PictureSource::Data(png().into()));
            let made = tokio::time::timeout(Duration::from_secs(1), made).await;
            made.expect("no turn to wait for").expect("a picture");
        }
    };
    tokio::join!(futures::future::join_all(slow), others);
}

/// Addresses that send a picture without an end, byte by byte; and how many of them have sent some of it.
async fn dripping_server() -> (SocketAddr, watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sending, count) = watch::channel(0);
    let app = Router::new().fallback(move || async move {
        let drops = futures::stream::iter(0_usize..).then(move |drop| {
            // Asked for the third, the first has left.
            if drop == 2 {
                sending.send_modify(|count| *count += 1);
            }
            tokio::time::sleep(Duration::from_millis(100))
                .map(|()| Ok::<_, std::io::Error>(Bytes::from_static(b".")))
        });
        typed("image/png", Body::from_stream(drops))
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, count)
}

/// Addresses that take their time before a byte of a picture is there.
async fn silent_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = Router::new().fallback(std::future::pending::<Response>);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_do_not_answer_keep_nobody_from_a_place() {
    let (address, silent) = (server().await, silent_server().await);
    let maker = maker(true);
    let (slow, good) = (format!("http://{silent}/"), format!("http://{address}/picture"));
    let mut twelve: Vec<_> = (0..12).map(|_| Box::pin(make(&maker, &slow))).collect();
    for one in &mut twelve {
        assert!(futures::poll!(one).is_pending());
    }
    assert_eq!(make(&maker, &good).await, Ok(()));
    assert!(maker.make("", PictureSource::Data(png().into())).await.is_ok());
    for one in &mut twelve {
        assert!(futures::poll!(one).is_pending(), "none of them has ended yet");
    }
    for ended in futures::future::join_all(twelve).await {
        assert_eq!(ended, Err((Reason::PictureFetchFailed, "TIMEOUT".to_owned())));
    }
}

/// Where every place is taken, the next one waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ninth_picture_at_the_same_time_waits_for_its_turn() {
    let (address, (dripping, mut sending)) = (server().await, dripping_server().await);
    let maker = maker(true);
    let (slow, good) = (format!("http://{dripping}/"), format!("http://{address}/picture"));
    // These have begun to send a file, and take the two seconds that they may.
    let eight = futures::future::join_all((0..8).map(|_| make(&maker, &slow)));
    let others = async {
        sending.wait_for(|count| *count == 8).await.expect("a server");
        let data = maker.make("", PictureSource::Data(png().into()));
        let (fetched, made) = tokio::join!(make(&maker, &good), data);
        assert!((&fetched, made.is_ok()) == (&Ok(()), true), "{fetched:?}");
    };
    let (eight, ()) = tokio::join!(eight, others);
    for ended in eight {
        assert_eq!(ended, Err((Reason::PictureFetchFailed, "TIMEOUT".to_owned())));
    }
    let again = (0..20).map(|_| make(&maker, &good));
    for made in futures::future::join_all(again).await {
        assert_eq!(made, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_are_refused_however_they_are_written() {
    let port = server().await.port();
    let maker = maker(false);
    let hosts = [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
    ];
    for host in hosts {
        let refused = make(&maker, &format!("http://{host}:{port}/picture")).await;
        let wanted = (Reason::PictureFetchFailed, "ADDRESS_NOT_ALLOWED".to_owned());
        assert_eq!(refused, Err(wanted), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_that_is_a_lie_is_not_believed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut request = [0; 1024];
        let _ = socket.read(&mut request).await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 999999999\r\n\r\n";
        let _ = socket.write_all(head.as_bytes()).await;
        // Open until the other side has had enough.
        let _ = socket.read(&mut request).await;
    });
    let refused = make(&maker(true), &format!("http://{address}/")).await;
    assert_eq!(refused, Err((Reason::PictureFetchFailed, "SIZE".to_owned())));
}

#[test]
fn urls_are_checked_before_anything_is_fetched() {
    for good in ["http://a.example/x.png", "HTTPS://A.example:8443/?q=1#f", "http://[2001:db8::1]/"]
    {
        assert!(good.parse::<PictureUrl>().is_ok(), "{good}");
    }
    let long = format!("http://a.example/{}", "x".repeat(2048));
    for bad in [
        "",
        "x",
        "ftp://a.example/",
        "file:///etc/passwd",
        "data:image/png;base64,AA",
        "http://",
        "http://user@a.example/",
        "http://user:pass@a.example/",
        "//a.example/",
        &long,
    ] {
        assert!(bad.parse::<PictureUrl>().is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_text_is_taken_is_a_web_address(text in "\\PC{0,80}|https?://\\PC{0,60}") {
        if let Ok(url) = text.parse::<PictureUrl>() {
            prop_assert!(matches!(url.as_url().scheme(), "http" | "https"));
            prop_assert!(url.as_url().host().is_some() && url.as_url().username().is_empty());
            // What is written about it says no more than where it leads.
            let written = format!("{url:?}");
            prop_assert!(!written.contains('?'), "{}", written);
        }
    }
}
