//! Metrics keep no names that callers made up: each would be a time series for as long as the process lives.

use sha2::{Digest, Sha256};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use wagroups::config::{ApiKey, Settings};
use wagroups::{pb, telemetry};

use crate::harness::service::Service;

fn locked(settings: &mut Settings) {
    settings.rest.listen = "127.0.0.1:0".parse().ok();
    settings.auth.keys = vec![ApiKey {
        name: "all".into(),
        sha256: hex::encode(Sha256::digest("wag_all")).parse().expect("a digest"),
        sessions: vec!["*".parse().expect("a pattern")],
        role: None,
    }];
}

async fn call(service: &Service, path: &'static str, key: Option<&str>) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(service.channel.clone());
    grpc.ready().await.expect("a connection");
    let mut request = Request::new(pb::ListSessionsRequest::default());
    if let Some(key) = key {
        let value = format!("Bearer {key}").parse().expect("a header");
        request.metadata_mut().insert("authorization", value);
    }
    let codec: ProstCodec<pb::ListSessionsRequest, pb::ListSessionsResponse> = Default::default();
    grpc.unary(request, PathAndQuery::from_static(path), codec).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_callers_make_up_are_in_no_label() {
    let service = Service::on_sqlite_with(locked).await;
    // With a key or without, in a service that there is or not.
    for (path, key, code) in [
        ("/made.up/Grpc", None, Code::Unauthenticated),
        ("/wagroups.v1.SessionsService/MadeUpGrpc", None, Code::Unauthenticated),
        ("/made.up/Grpc", Some("wag_all"), Code::Unimplemented),
        ("/wagroups.v1.SessionsService/MadeUpGrpc", Some("wag_all"), Code::Unimplemented),
        ("/wagroups.v1.SessionsService/ListSessions", None, Code::Unauthenticated),
    ] {
        assert_eq!(call(&service, path, key).await.expect_err(path).code(), code, "{path}");
    }
    call(&service, "/wagroups.v1.SessionsService/ListSessions", Some("wag_all"))
        .await
        .expect("listed");
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(wagroups::tls::Trust::default().client_config().expect("TLS"))
        .build()
        .expect("a client");
    for (method, path) in [("MADEUP", "/api/default/groups"), ("GET", "/made/up")] {
        let method = method.parse().expect("a method");
        let url = format!("{}{path}", service.rest_url());
        let answer = client.request(method, url).send().await.expect("an answer");
        assert_eq!(answer.status(), 401);
    }

    let metrics = telemetry::install().expect("metrics").render();
    let of = |name: &str, labels: &[&str]| {
        let mut lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.any(|line| labels.iter().all(|label| line.contains(label)))
    };
    for name in ["made.up", "MadeUpGrpc", "MADEUP", "made/up"] {
        assert!(!metrics.contains(name), "{name}");
    }
    let unknown = [r#"service="unknown""#, r#"method="unknown""#];
    for code in ["Unauthenticated", "Unimplemented"] {
        let labels = [unknown[0], unknown[1], code];
        assert!(of("wagroups_rpcs_total", &labels), "{metrics}");
    }
    let listed = [r#"service="wagroups.v1.SessionsService""#, r#"method="ListSessions""#];
    for code in ["Unauthenticated", "Ok"] {
        let labels = [listed[0], listed[1], code];
        assert!(of("wagroups_rpcs_total", &labels), "{metrics}");
    }
    let other = [r#"method="other""#, r#"route="/api/{session}/groups""#, r#"status="401""#];
    assert!(of("wagroups_rest_requests_total", &other), "{metrics}");
}
