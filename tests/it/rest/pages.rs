//! The pages: part of the program, without data, and kept apart from everybody else's pages.

use super::client::Rest;
use super::listening;
use crate::harness::service::Service;

const PAGES: [&str; 2] = ["/", "/docs"];

/// What a page loads, as far as its text says so.
fn loaded(text: &str) -> Vec<&str> {
    let quoted = |start: &'static str| {
        text.split(start).skip(1).filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>()
    };
    let addresses = ["href=\"", "src=\"", "from \"."].map(quoted).concat();
    addresses.into_iter().filter(|address| !address.starts_with('#')).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_load_from_here_alone_and_all_that_they_load_is_there() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    let mut todo: Vec<String> = PAGES.map(str::to_owned).into();
    let mut seen: Vec<String> = Vec::new();
    while let Some(path) = todo.pop() {
        if seen.contains(&path) {
            continue;
        }
        let answer = rest.send_to("GET", &path, "").await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        for address in loaded(&answer.text) {
            let is_own = address.starts_with('/') && !address.starts_with("//");
            assert!(is_own, "{path} loads {address:?}");
            // Modules name each other by where they lie.
            let lies =
                if path.ends_with(".js") { format!("/assets{address}") } else { address.into() };
            todo.push(lies);
        }
        for (what, mark) in [
            ("markup out of a text", "innerHTML"),
            ("markup out of a text", "outerHTML"),
            ("markup out of a text", "insertAdjacentHTML"),
            ("code out of a text", "eval("),
            ("a style that the policy forbids", " style=\""),
            ("a script that the policy forbids", "<script>"),
        ] {
            assert!(!answer.text.contains(mark), "{path} makes {what}: {mark}");
        }
        seen.push(path);
    }
    assert!(seen.len() > 12, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_have_their_types() {
    let service = Service::on_sqlite_with(listening).await;
    let rest = Rest::new(&service);
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/", "text/html; charset=utf-8"),
        ("/openapi.json", "application/json; charset=utf-8"),
        ("/assets/page.css", "text/css; charset=utf-8"),
        ("/assets/operator.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let answer = rest.send_to("GET", path, "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type), "{path}");
    }
    for path in ["/assets/", "/assets/other.js", "/assets/../Cargo.toml", "/assets/%2e%2e/x"] {
        assert_eq!(rest.send_to("GET", path, "").await.status, 404, "{path}");
    }
}
