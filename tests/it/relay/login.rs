//! How the relay logs in.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::json;
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

/// What `nsc` signs: claims of `subject`, by `issuer`.
fn jwt(issuer: &KeyPair, subject: &KeyPair, name: &str, claims: serde_json::Value) -> String {
    let encode = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let claims = json!({
        "jti": name, "iat": 1, "iss": issuer.public_key(), "sub": subject.public_key(), "name": name, "nats": claims,
    });
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = issuer.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_open_a_server_with_an_operator() {
    let operator = KeyPair::new_operator();
    let (system, account, user) =
        (KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_user());
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_account = json!({ "type": "account", "version": 2, "limits": limits });
    let mut of_system = of_account.clone();
    for limit in ["mem_storage", "disk_storage", "streams", "consumer"] {
        of_system["limits"][limit] = json!(0);
    }
    let of_operator = json!({ "type": "operator", "version": 2 });
    let of_user = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {} });
    let config = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}\n {}: {} }}",
        jwt(&operator, &operator, "operator", of_operator),
        system.public_key(),
        system.public_key(),
        jwt(&operator, &system, "system", of_system),
        account.public_key(),
        jwt(&operator, &account, "account", of_account),
    );
    let Some(nats) = Nats::start_with(&config).await else { return };
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        jwt(&account, &user, "relay", of_user),
        user.seed().expect("a seed"),
    );
    let (url, file) = (nats.url(), written(&nats, "relay.creds", &credentials));
    let service = Service::on_sqlite_with(|settings| {
        (settings.nats.url, settings.nats.credentials_file) = (url, Some(file));
    })
    .await;
    make_groups(&service, 1).await;
    assert_eq!(until_published(&service).await.published_count, 1);
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
