//! What each engine tells and gets wrong, case by case: `cases/ENGINE/NAME.json` holds webhooks, and what
//! they must come to. `cases/README.md` explains the form.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Map, Value, json};
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::pb;
use wagroups::telemetry::SystemClock;

use super::sender::Sender;
use crate::harness::service::Service;

const SECRET: &str = "the secret of all cases";
const FOLDER: &str = "tests/it/webhook/cases";
/// Fewer would mean that the test looks in the wrong place.
const AT_LEAST: usize = 40;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// For people.
    #[serde(rename = "about")]
    _about: String,
    webhooks: Vec<Value>,
    outcomes: Vec<String>,
    /// Where the session stands after each webhook; left out where that is not the point.
    #[serde(default)]
    statuses: Vec<String>,
    events: Vec<Value>,
    groups: Map<String, Value>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_comes_to_what_it_says() {
    let service = Service::on_sqlite_with(|settings| {
        settings.waha_ingress.listen = "127.0.0.1:0".parse().ok()
    })
    .await;
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let now = SystemClock.now().as_millis().div_euclid(1000);
    let mut wrong = Vec::new();
    let files = files();
    assert!(files.len() >= AT_LEAST, "only {} cases were found", files.len());
    for file in &files {
        let case = fs::read_to_string(file).expect("a case");
        let case: Value = serde_json::from_str(&case).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        let case = serde_json::from_value(dated(case, now - 3600));
        let case: Case = case.unwrap_or_else(|e| panic!("{file:?}: {e}"));
        for problem in run(&service, &contract, &name(file), case).await {
            wrong.push(format!("{}: {problem}", name(file)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

/// The engine and the file's name, which is also the session's.
fn name(file: &Path) -> String {
    let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    format!("{}-{}", stem(file.parent().expect("a folder")), stem(file))
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let engines = entries(&folder).into_iter().filter(|path| path.is_dir());
    let files: BTreeSet<PathBuf> = engines
        .flat_map(|engine| entries(&engine))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.into_iter().collect()
}

/// With the times that `@ms+N`, `@s+N` and `@rfc+N` stand for: N seconds after the base.
fn dated(value: Value, base: i64) -> Value {
    let seconds = |text: &str| text.parse::<i64>().ok().map(|offset| base + offset);
    let millis = |text: &str| text.parse::<f64>().ok().map(|offset| (offset * 1000.0).round());
    match value {
        Value::String(text) => {
            let given = |prefix: &str| text.strip_prefix(prefix).and_then(seconds);
            if let Some(millis) = text.strip_prefix("@ms+").and_then(millis) {
                json!(base * 1000 + millis as i64)
            } else if let Some(seconds) = given("@s+") {
                json!(seconds)
            } else if let Some(seconds) = given("@rfc+") {
                json!(Timestamp::from_seconds(seconds).to_string())
            } else {
                Value::String(text)
            }
        }
        Value::Array(values) => values.into_iter().map(|value| dated(value, base)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, dated(value, base))).collect()
        }
        other => other,
    }
}

async fn run(
    service: &Service,
    contract: &DescriptorPool,
    session: &str,
    case: Case,
) -> Vec<String> {
    let waha = pb::WahaConfig {
        remote_session: "case".into(),
        webhook_secret: SECRET.into(),
        ..Default::default()
    };
    let request = pb::CreateSessionRequest {
        session: session.into(),
        config: Some(pb::create_session_request::Config::Waha(waha)),
        ..Default::default()
    };
    service.sessions().create_session(request).await.expect("a session");
    let sender = Sender::new(&service.webhook_url(), SECRET);
    let mut outcomes = Vec::new();
    let mut statuses = Vec::new();
    for webhook in &case.webhooks {
        let (status, answer) = sender.post(session, webhook.to_string()).await;
        assert_eq!(status, 200, "{session}: {answer} to {webhook}");
        outcomes.push(answer["outcome"].as_str().unwrap_or_default().to_owned());
        let get = pb::GetSessionRequest { session: session.into() };
        let held = service.sessions().get_session(get).await.expect("the session").into_inner();
        let status = held.session.expect("a session").status().as_str_name();
        statuses.push(status.trim_start_matches("SESSION_STATUS_").to_owned());
    }
    let mut wrong = Vec::new();
    if !case.statuses.is_empty() && statuses != case.statuses {
        wrong.push(format!("statuses are {statuses:?}, not {:?}", case.statuses));
    }
    if outcomes != case.outcomes {
        wrong.push(format!("outcomes are {outcomes:?}, not {:?}", case.outcomes));
    }
    let log = service.log(session).await;
    let log: Vec<Value> = log.iter().map(|event| as_json(contract, "GroupEvent", event)).collect();
    compare("events", &Value::Array(case.events), &Value::Array(log), &mut wrong);
    let groups = groups(service, contract, session).await;
    for (id, expected) in case.groups {
        let held = groups.get(&id).unwrap_or(&Value::Null);
        if expected.is_null() && !held.is_null() {
            wrong.push(format!("{id} should be gone and is {held}"));
        } else {
            compare(&id, &expected, held, &mut wrong);
        }
    }
    wrong
}

async fn groups(service: &Service, contract: &DescriptorPool, session: &str) -> Map<String, Value> {
    let request = pb::ListGroupsRequest {
        session: session.into(),
        view: pb::GroupView::Full.into(),
        ..Default::default()
    };
    let page = service.groups().list_groups(request).await.expect("the groups").into_inner();
    let decoded = page.groups.into_iter().map(|bytes| {
        let group: pb::Group = prost::Message::decode(bytes).expect("a group");
        (group.id.clone(), as_json(contract, "Group", &group))
    });
    decoded.collect()
}

fn as_json(contract: &DescriptorPool, name: &str, message: &impl prost::Message) -> Value {
    let descriptor =
        contract.get_message_by_name(&format!("wagroups.v1.{name}")).expect("a message");
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice());
    serde_json::to_value(message.expect("the same wire format")).expect("JSON")
}

/// Whether all that is expected is there; proto3's JSON leaves out what is empty.
fn compare(place: &str, expected: &Value, found: &Value, wrong: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(fields), Value::Object(held)) => {
            for (name, expected) in fields {
                let found = held.get(name).unwrap_or(&Value::Null);
                compare(&format!("{place}.{name}"), expected, found, wrong);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{place}[{index}]"), expected, found, wrong);
            }
        }
        (expected, found) if expected == found || (is_empty(expected) && is_empty(found)) => {}
        (expected, found) => wrong.push(format!("{place} is {found}, not {expected}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is_set) => !is_set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[test]
fn a_comparison_finds_what_is_wrong() {
    let differs = |expected: Value, found: Value| {
        let mut wrong = Vec::new();
        compare("x", &expected, &found, &mut wrong);
        !wrong.is_empty()
    };
    assert!(!differs(json!({ "a": [1], "b": false }), json!({ "a": [1], "c": 2 })));
    assert!(differs(json!({ "a": [1] }), json!({ "a": [1, 2] })));
    assert!(differs(json!({ "a": { "b": 1 } }), json!({ "a": {} })));
    assert!(differs(json!({ "a": "x" }), json!({})));
    assert!(differs(json!([{ "a": 1 }]), json!([])));
}
