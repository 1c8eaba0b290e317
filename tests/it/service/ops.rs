//! The ops listener: whom it answers, and how.

use wagroups::config::Settings;

use crate::harness::service::{Service, http_client};

fn with_ops(settings: &mut Settings) {
    settings.ops.listen = "127.0.0.1:0".parse().ok();
    settings.ops.hosts = vec!["wagroups.monitoring.svc".into()];
}

fn ops_url(service: &Service) -> String {
    let server = service.server.as_ref().expect("a running service");
    format!("http://{}", server.ops_addr().expect("ops.listen is set"))
}

/// It asks for no key: a name that a stranger made lead here must not open it to the stranger's page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_reached_by_its_own_names_only() {
    let service = Service::on_sqlite_with(with_ops).await;
    let url = ops_url(&service);
    let client = http_client();
    let status = async |path: &str, host: &str| {
        let request = client.get(format!("{url}{path}")).header("host", host);
        request.send().await.expect("an answer").status().as_u16()
    };
    for path in ["/livez", "/readyz", "/metrics", "/nowhere"] {
        for host in ["evil.example", "localhost.evil.example:9090", "monitoring.svc", "", "x@y"] {
            assert_eq!(status(path, host).await, 403, "{path} by {host:?}");
        }
    }
    for host in ["localhost", "127.0.0.1:9090", "10.1.2.3", "[::1]", "wagroups.monitoring.svc:9090"]
    {
        assert_eq!(status("/metrics", host).await, 200, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_answers_are_kept_nowhere() {
    let service = Service::on_sqlite_with(with_ops).await;
    for path in ["/livez", "/readyz", "/metrics", "/nowhere"] {
        let answer = http_client().get(format!("{}{path}", ops_url(&service))).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
}
