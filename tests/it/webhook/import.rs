//! `wagroups import waha`: the program itself, posting recordings to a service.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use wagroups::domain::clock::Clock;
use wagroups::telemetry::SystemClock;

use super::busy_day::{Day, Engine, GROUP, SESSION};
use crate::harness::service::Service;

const SECRET: &str = "the secret of the recording";

struct Scene {
    service: Service,
    folder: TempDir,
}

impl Scene {
    async fn begin() -> Self {
        let service = Service::on_sqlite_with(|settings| {
            settings.waha_ingress.listen = "127.0.0.1:0".parse().ok();
        })
        .await;
        service.create_waha_session(SESSION, SECRET).await;
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("secret"), format!("{SECRET}\n")).expect("a file");
        Self { service, folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the import with `--json`: its exit code, its summary, and what it said besides.
    async fn import(&self, secret: &Path, more: &[&str]) -> (i32, Value, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wagroups"));
        command.args(["import", "waha", "--json", "--url", &self.service.webhook_url()]);
        command.arg("--secret-file").arg(secret).args(more).env_remove("WAGROUPS_ADDR");
        let output = command.output().await.expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let summary = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().expect("an exit code"), summary, said)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_taken_in_once_however_often_it_is_imported() {
    let scene = Scene::begin().await;
    let day = Day::of(Engine::Gows, 7, SystemClock.now().as_millis(), 60);
    let recorded = scene.path("recorded");
    fs::create_dir(&recorded).expect("a folder");
    let (first, rest) = day.made.split_at(20);
    let lines = |made: &[super::busy_day::Made]| -> String {
        made.iter().map(|made| format!("{}\n", made.body)).collect()
    };
    fs::write(recorded.join("1.jsonl"), lines(first)).expect("a file");
    let message = json!({ "id": "evt_m", "timestamp": 1, "event": "message", "session": SESSION });
    let late = json!({
        "id": "evt_old", "timestamp": 1_600_000_000_000_i64, "event": "group.v2.leave",
        "session": SESSION, "payload": { "group": { "id": GROUP } },
    });
    let odd = format!("{}nonsense\n{message}\n{late}\n", lines(rest));
    fs::write(recorded.join("2.ndjson"), odd).expect("a file");

    let (secret, recorded) = (scene.path("secret"), recorded.display().to_string());
    let (code, summary, said) = scene.import(&secret, &[&recorded]).await;
    let refused = json!({ "NOT_A_WEBHOOK": 1, "TOO_OLD": 2 });
    for (what, expected) in [
        ("accepted", json!(day.made.len())),
        ("duplicate", json!(0)),
        ("ignored", json!(0)),
        ("refused", json!(3)),
        ("refusedByReason", refused),
    ] {
        assert_eq!(summary[what], expected, "{what}: {summary} {said}");
    }
    assert_eq!(code, 6, "some were refused");
    let first = &summary["firstRefused"][0];
    let place = first["place"].as_str().unwrap_or_default();
    assert!(place.ends_with(&format!("2.ndjson:{}", rest.len() + 1)), "{first}");

    let log = scene.service.log(SESSION).await;
    assert!(!log.is_empty());
    let (_, summary, said) = scene.import(&secret, &[&recorded, "--parallel", "8"]).await;
    assert_eq!(summary["duplicate"], json!(day.made.len()), "{said}");
    assert_eq!(summary["accepted"], json!(0));
    assert_eq!(scene.service.log(SESSION).await.len(), log.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_refused_for_all_ends_the_import_with_its_cause() {
    let scene = Scene::begin().await;
    let day = Day::of(Engine::Wpp, 8, SystemClock.now().as_millis(), 5);
    let file = scene.path("day.json");
    fs::write(&file, day.made[0].body.to_string()).expect("a file");
    let file = file.display().to_string();

    let wrong = scene.path("wrong");
    fs::write(&wrong, "not the secret of it").expect("a file");
    let (code, _, said) = scene.import(&wrong, &[&file]).await;
    assert_eq!(code, 1);
    assert!(said.contains("WRONG_SIGNATURE"), "{said}");

    let secret = scene.path("secret");
    let (code, _, said) = scene.import(&secret, &[&file, "--session", "nobody"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("WRONG_SIGNATURE"), "{said}");

    fs::write(&wrong, "short").expect("a file");
    let (code, _, said) = scene.import(&wrong, &[&file]).await;
    assert_eq!(code, 2);
    assert!(said.contains("8 to 512 bytes"), "{said}");
    let (code, _, said) = scene.import(&secret, &["/no/such/recording"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("cannot read /no/such/recording"), "{said}");

    let (code, summary, said) = scene.import(&secret, &[&file]).await;
    assert_eq!((code, &summary["accepted"]), (0, &json!(1)), "{said}");
}
