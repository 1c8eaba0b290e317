//! Those who speak no TLS, an old one, or nothing at all.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::secured::Secured;
use crate::harness::service::PATIENCE;

const HANDSHAKE_OF_TLS: u8 = 0x16;
const ALERT: u8 = 0x15;
const PROTOCOL_VERSION: u8 = 70;

/// What is answered until the end.
async fn answered(service: &Secured, said: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(service.grpc()).await.expect("a connection");
    stream.write_all(said).await.expect("sent");
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends");
    answer
}

/// A client's first message that offers this version and nothing newer.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    let ciphers = [0xc0, 0x13, 0xc0, 0x14, 0x00, 0x2f];
    body.extend([0, 6]);
    body.extend(ciphers);
    body.extend([1, 0]);
    // That curves and signatures are known, so that the version alone is wrong.
    let extensions: &[u8] = &[0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3];
    body.extend([0, u8::try_from(extensions.len()).expect("short")]);
    body.extend(extensions);
    let length = |length: usize| u8::try_from(length).expect("short");
    let mut hello =
        vec![HANDSHAKE_OF_TLS, 3, 1, 0, length(body.len() + 4), 1, 0, 0, length(body.len())];
    hello.extend(body);
    hello
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_versions_and_plain_text_get_an_alert_and_the_end() {
    let service = Secured::start().await;
    for version in [[3, 0], [3, 1], [3, 2]] {
        let answer = answered(&service, &client_hello(version)).await;
        assert_eq!(
            (answer.first(), answer.last()),
            (Some(&ALERT), Some(&PROTOCOL_VERSION)),
            "{answer:?}"
        );
    }
    // TLS 1.2 with the same is no question of the version.
    let answer = answered(&service, &client_hello([3, 3])).await;
    assert_ne!(answer.last(), Some(&PROTOCOL_VERSION), "{answer:?}");
    let said: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
    ];
    for said in said {
        let answer = answered(&service, said).await;
        assert!(answer.is_empty() || answer[0] == ALERT, "{answer:?}");
    }
    service.works(&service.client).await.expect("others are served");
    service.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_hang_end_and_keep_nobody_out() {
    let service = Secured::start_with(|settings, _, _| {
        settings.grpc.max_connections = 8;
        settings.inbound.head_timeout = Duration::from_secs(2);
    })
    .await;
    let mut hung = Vec::new();
    for at in 0..40 {
        let mut stream = TcpStream::connect(service.grpc()).await.expect("a connection");
        // Some say nothing, some half of what a handshake begins with.
        if at % 2 == 0 {
            stream.write_all(&client_hello([3, 3])[..20]).await.expect("sent");
        }
        hung.push(stream);
    }
    let began = Instant::now();
    service.works(&service.client).await.expect("who speaks is served");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for stream in &mut hung {
        let ended = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        ended.expect("each of them ends").ok();
    }
    service.works(&service.client).await.expect("and afterwards");
    service.server.stop().await;
}
