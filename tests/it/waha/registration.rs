//! `wagroups waha register-webhook`, as its user runs it.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use wagroups::pb;

use super::scene::Scene;

/// Has the first server post the events of session `shop` to the service; answers what was printed.
pub async fn register(scene: &Scene, secret: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{text}\n")).expect("a file");
        path.display().to_string()
    };
    let server = scene.server();
    let key = server.options().api_key.expect("a key");
    let arguments = [
        "waha".to_owned(),
        "register-webhook".to_owned(),
        "shop".to_owned(),
        "--server".to_owned(),
        server.url(),
        "--server-key-file".to_owned(),
        file("key", key),
        "--url".to_owned(),
        format!("{}/webhook/shop", scene.service.webhook_url()),
        "--secret-file".to_owned(),
        file("secret", secret),
    ];
    let run = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_wagroups")).args(arguments).output()
    });
    let ran = run.await.expect("it runs").expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    assert!(ran.status.success(), "{}", text(ran.stderr));
    text(ran.stdout)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_set_beside_the_others_once() {
    let scene = Scene::with(vec![Default::default()], |settings| {
        settings.waha_ingress.listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    let secret = "what shop and its WAHA server know";
    scene.server().add_session("shop").await;
    scene.service.create_waha_session("shop", secret).await;
    scene.until("shop", pb::SessionStatus::Working).await;
    assert!(register(&scene, secret).await.contains("posts to"));
    let put = |index: usize| {
        let requests = scene.server().requests();
        let puts = requests.into_iter().filter(|r| r.method == "PUT").map(|r| r.body);
        puts.collect::<Vec<Value>>().get(index).cloned()
    };
    let body = put(0).expect("the session's new settings");
    assert_eq!(body["config"]["webhooks"][0]["hmac"], json!({ "key": secret }));
    assert!(register(&scene, secret).await.contains("already"), "it is so");
    assert_eq!(put(1), None, "nothing was sent");
    assert!(register(&scene, "another secret").await.contains("replaced"));
    let body = put(1).expect("the session's new settings");
    assert_eq!(body["config"]["webhooks"].as_array().expect("webhooks").len(), 1);
    scene.server().assert_polite();
}
