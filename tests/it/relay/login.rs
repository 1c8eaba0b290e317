//! How the relay logs in.

use std::path::{Path, PathBuf};

use wagroups::config::Settings;
use wagroups::server::Server;

use super::nats::Nats;
use super::{make_groups, until_failing, until_published};
use crate::harness::service::Service;

/// Of the server.
fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/waha/certificates").join(name)
}

fn of_client(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/relay/certificates").join(name)
}

fn written(nats: &Nats, name: &str, text: &str) -> PathBuf {
    let file = nats.folder().join(name);
    std::fs::write(&file, text).expect("written");
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_and_a_wrong_one_is_said() {
    let Some(nats) = Nats::start_with("authorization { token: \"a secret of ours\" }").await else {
        return;
    };
    let (right, wrong) =
        (written(&nats, "right", "a secret of ours\n"), written(&nats, "wrong", "another"));
    let with = |file: PathBuf| {
        let url = nats.url();
        move |settings: &mut Settings| {
            (settings.nats.url, settings.nats.token_file) = (url, Some(file))
        }
    };
    let mut service = Service::on_sqlite_with(with(wrong)).await;
    let relay = until_failing(&service, "uthorization").await;
    assert!(!relay.state_reason.contains("another"), "{}", relay.state_reason);
    service.restart_working_with(with(right)).await;
    make_groups(&service, 1).await;
    until_published(&service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_opens_over_tls() {
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}",
        certificate("server.pem").display(),
        certificate("server.key").display(),
        of_client("authority.pem").display()
    );
    let Some(nats) = Nats::start_with(&tls).await else { return };
    let url = format!("tls://{}", nats.address());
    let without = |settings: &mut Settings| {
        settings.nats.url = url;
        settings.outbound.ca_file = Some(certificate("authority.pem"));
    };
    let mut service = Service::on_sqlite_with(without).await;
    until_failing(&service, "no connection to").await;
    service
        .restart_working_with(|settings| {
            settings.nats.cert_file = Some(of_client("client.pem"));
            settings.nats.key_file = Some(of_client("client.key"));
        })
        .await;
    make_groups(&service, 1).await;
    until_published(&service).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_at_the_start() {
    type Change<'a> = &'a dyn Fn(&mut Settings);
    let missing = || Some(PathBuf::from("/nowhere/at/all"));
    let cases: [(&str, Change<'_>); 4] = [
        ("nats.token_file", &|settings| settings.nats.token_file = missing()),
        ("nats.credentials_file", &|settings| {
            settings.nats.credentials_file = Some(certificate("README.md"));
        }),
        ("nats.key_file: /nowhere", &|settings| {
            settings.nats.cert_file = Some(certificate("server.pem"));
            settings.nats.key_file = missing();
        }),
        ("nats.token_file", &|settings| {
            settings.nats.token_file = Some(PathBuf::from("/dev/null"))
        }),
    ];
    for (setting, change) in cases {
        let dir = tempfile::TempDir::new().expect("a temporary folder");
        let mut settings = Settings::default();
        settings.database.url =
            format!("sqlite://{}/wagroups.db?mode=rwc", dir.path().display()).as_str().into();
        settings.grpc.listen = "127.0.0.1:0".parse().expect("an address");
        settings.ops.listen = None;
        settings.nats.url = "nats://127.0.0.1:1".to_owned();
        change(&mut settings);
        let refused = Server::start(&settings).await.expect_err("refused").to_string();
        assert!(refused.contains(setting), "{setting}: {refused}");
    }
}
