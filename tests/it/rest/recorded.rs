//! Requests that WAHA's own server was sent, and what it answered (`recorded/README.md`): this is sent the same, in the
//! same order, and answers the same but for what is deliberate. Each deliberate difference has its sentence in
//! `docs/WAHA.md`, and none is listed that is not there.

mod compare;
mod deliberate;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use wagroups::config::RestShape;

use self::compare::differences;
use self::deliberate::{DELIBERATE, Deliberate};
use super::client::{Answer, Rest};
use super::listening;
use super::routes::picture_file;
use crate::harness::service::Service;
use crate::service::keys::{ALL, with_keys};

/// A request, and what WAHA answered.
#[derive(Debug, Deserialize)]
struct Recorded {
    label: String,
    method: String,
    path: String,
    body: Option<Value>,
    /// A body that is no JSON, and what it is called.
    text: Option<String>,
    sent_as: Option<String>,
    status: u16,
    #[serde(rename = "type", default)]
    content_type: String,
    /// What the answer is made of.
    #[serde(default)]
    answer: Value,
}

/// What takes the place of ids and codes that are others here.
struct Replay {
    rest: Rest,
    group: String,
    code: String,
}

impl Replay {
    fn placed(&self, text: &str) -> String {
        text.replace("{group}", &self.group)
            .replace("{group%40}", &self.group.replace('@', "%40"))
            .replace("{code}", &self.code)
            .replace("wahakey", ALL)
    }

    async fn send(&self, recorded: &Recorded) -> Answer {
        let key = match recorded.label.as_str() {
            "no key" | "key in query" => None,
            "wrong key" => Some("wrong"),
            _ => Some(ALL),
        };
        let mut rest =
            key.map_or_else(|| self.rest.clone(), |key| self.rest.with_header("x-api-key", key));
        if recorded.method == "OPTIONS" {
            rest = rest.with_header("origin", "https://panel.example");
        }
        let body = match (&recorded.body, &recorded.text) {
            (Some(body), _) => self.placed(&body.to_string()).replace("\"{picture}\"", &picture()),
            (None, Some(text)) => text.clone(),
            (None, None) => String::new(),
        };
        let kind = recorded.sent_as.as_deref().unwrap_or("application/json");
        rest.send_as(&recorded.method, &self.placed(&recorded.path), kind, body).await
    }

    /// What later requests name.
    async fn learn(&mut self, label: &str, answer: &Answer) {
        match label {
            "create" => self.group = made(answer),
            "invite-code" | "invite-code again" => {
                self.code = answer.text.rsplit('/').next().unwrap_or_default().to_owned();
            }
            // Here it has taken the group apart, so that what follows is asked of another one.
            "delete" => {
                let body = json!({ "name": "Rest", "participants": [] }).to_string();
                let rest = self.rest.with_header("x-api-key", ALL);
                self.group = made(&rest.send("POST", "", body).await);
            }
            _ => {}
        }
    }
}

/// Base64 of a picture that can be set.
fn picture() -> String {
    picture_file()["file"]["data"].to_string()
}

fn made(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    let group: Value = serde_json::from_str(&answer.text).expect("JSON");
    let id = ["JID", "id"].iter().find_map(|key| group[key].as_str());
    id.expect("an id").to_owned()
}

async fn answers_as_recorded(shape: RestShape, recorded: &str) {
    let recorded: Vec<Recorded> = serde_json::from_str(recorded).expect("recordings");
    assert_eq!(recorded.len(), 128);
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        with_keys(settings);
        settings.rest.shape = shape;
        // As in WAHA.
        settings.inbound.allowed_origins = vec!["*".to_owned()];
    });
    let service = service.await;
    let (rest, none) = (Rest::new(&service), String::new());
    let mut replay = Replay { rest, group: none.clone(), code: none };
    let listed: Vec<&Deliberate> =
        DELIBERATE.iter().filter(|difference| difference.shapes.contains(&shape)).collect();
    let (mut used, mut faults) = (BTreeSet::new(), Vec::new());
    for request in &recorded {
        let answer = replay.send(request).await;
        let wanted = replay.placed(&request.answer.to_string());
        let wanted = serde_json::from_str(&wanted).expect("JSON");
        for difference in differences(request, &wanted, &answer) {
            let mut known =
                (0..listed.len()).filter(|at| listed[*at].is(&request.label, &difference));
            match known.next() {
                Some(at) => _ = used.insert(at),
                None => faults.push(format!("{}: {difference}", request.label)),
            }
        }
        replay.learn(&request.label, &answer).await;
    }
    let unused = (0..listed.len()).filter(|at| !used.contains(at)).map(|at| listed[at]);
    faults.extend(unused.map(|listed| format!("is listed and does not differ: {listed:?}")));
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answers_of_gows_are_as_recorded() {
    answers_as_recorded(RestShape::Gows, include_str!("recorded/gows.json")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answers_of_noweb_are_as_recorded() {
    answers_as_recorded(RestShape::Noweb, include_str!("recorded/noweb.json")).await;
}

#[test]
fn the_document_says_each_deliberate_difference() {
    assert!(DELIBERATE.iter().all(|difference| !difference.why.is_empty()), "{DELIBERATE:?}");
    let document = include_str!("../../../docs/WAHA.md");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = words(document);
    let unsaid: Vec<&str> = DELIBERATE
        .iter()
        .map(|difference| difference.says)
        .filter(|says| !document.contains(&words(says)))
        .collect();
    assert!(unsaid.is_empty(), "docs/WAHA.md does not say: {unsaid:#?}");
}
