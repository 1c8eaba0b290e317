//! Pages of other sites: they may call where their origin is allowed, and nowhere else.

use reqwest::Method;
use wagroups::config::Settings;

use super::client::Answer;
use super::listening;
use crate::harness::service::{Service, http_client};
use crate::service::keys::{ALL, with_keys};

const PANEL: &str = "https://panel.example";
const OTHER: &str = "https://other.example";

async fn served(keyed: bool, origins: &[&str]) -> Service {
    Service::on_sqlite_with(|settings: &mut Settings| {
        listening(settings);
        settings.waha_ingress.listen = "127.0.0.1:0".parse().ok();
        settings.ops.listen = "127.0.0.1:0".parse().ok();
        settings.inbound.allowed_origins = origins.iter().map(ToString::to_string).collect();
        if keyed {
            with_keys(settings);
        }
    })
    .await
}

async fn ask(url: String, method: Method, headers: &[(&str, &str)]) -> Answer {
    let mut request = http_client().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a whole answer") }
}

/// What a browser asks before it lets a page list groups with a key.
async fn preflight(url: String, origin: &str) -> Answer {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "x-api-key,content-type"),
    ];
    ask(url, Method::OPTIONS, &asked).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_lists_groups_where_its_origin_is_allowed() {
    let service = served(true, &[PANEL]).await;
    let groups = format!("{}/api/default/groups", service.rest_url());
    // Without a key: browsers send none with the question.
    let answer = preflight(groups.clone(), PANEL).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), PANEL);
    assert_eq!(answer.header("access-control-allow-headers"), "x-api-key,content-type");
    for method in ["GET", "POST", "PUT", "DELETE"] {
        assert!(answer.header("access-control-allow-methods").contains(method), "{answer:?}");
    }
    assert!(answer.header("vary").to_lowercase().contains("origin"), "{answer:?}");
    let listed = ask(groups.clone(), Method::GET, &[("origin", PANEL), ("x-api-key", ALL)]).await;
    assert_eq!((listed.status, listed.header("access-control-allow-origin")), (200, PANEL));
    assert!(listed.header("access-control-expose-headers").contains("x-wagroups-reason"));
    // A refusal can be read by the page, too.
    let refused = ask(groups.clone(), Method::GET, &[("origin", PANEL)]).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, PANEL));

    let other = preflight(groups.clone(), OTHER).await;
    assert_eq!(other.header("access-control-allow-origin"), "", "{other:?}");
    let listed = ask(groups, Method::GET, &[("origin", OTHER), ("x-api-key", ALL)]).await;
    assert_eq!(listed.header("access-control-allow-origin"), "", "{listed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_holds_for_every_listener() {
    let service = served(true, &[PANEL]).await;
    let server = service.server.as_ref().expect("a service");
    let ops = format!("http://{}/readyz", server.ops_addr().expect("ops"));
    for url in [ops, format!("{}/webhook/default", service.webhook_url())] {
        let allowed = preflight(url.clone(), PANEL).await;
        assert_eq!(allowed.header("access-control-allow-origin"), PANEL, "{url}");
        let other = preflight(url.clone(), OTHER).await;
        assert_eq!(other.header("access-control-allow-origin"), "", "{url}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_allowed_unless_somebody_is_named() {
    let service = served(true, &[]).await;
    let groups = format!("{}/api/default/groups", service.rest_url());
    let asked = preflight(groups.clone(), PANEL).await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (401, ""));
    let everybody = served(true, &["*"]).await;
    let groups = format!("{}/api/default/groups", everybody.rest_url());
    assert_eq!(preflight(groups, OTHER).await.header("access-control-allow-origin"), "*");
}

/// Without keys a page could do everything, so that only those may call that are named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_the_named_may_call_and_others_may_not() {
    let service = served(false, &[PANEL]).await;
    let groups = format!("{}/api/default/groups", service.rest_url());
    let from = |origin: &'static str| {
        let headers = [("origin", origin), ("sec-fetch-site", "cross-site")];
        let groups = groups.clone();
        async move { ask(groups, Method::GET, &headers).await }
    };
    assert_eq!(from(PANEL).await.status, 200);
    assert_eq!(from(OTHER).await.said(), (403, "PERMISSION_DENIED"));
}
