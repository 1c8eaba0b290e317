//! The OpenAPI document: it has every route that is served and no other, in each shape, and is whole in itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wagroups::config::{ApiKey, RestShape, Settings};

use super::client::Rest;
use super::listening;
use super::routes::ROUTES;
use crate::harness::service::Service;

/// What this serves and WAHA's groups do not have.
const OURS: [(&str, &str); 25] = [
    ("GET", "/ping"),
    ("GET", "/health"),
    ("GET", "/api/server/version"),
    ("GET", "/api/version"),
    ("GET", "/api/server/status"),
    ("GET", "/api/server/replicas"),
    ("GET", "/api/sessions"),
    ("GET", "/api/sessions/{session}"),
    ("GET", "/api/sessions/{session}/me"),
    ("POST", "/api/sessions/{session}/start"),
    ("POST", "/api/sessions/{session}/stop"),
    ("POST", "/api/sessions/{session}/restart"),
    ("POST", "/api/sessions/{session}/logout"),
    ("POST", "/api/sessions/start"),
    ("POST", "/api/sessions/stop"),
    ("POST", "/api/sessions/logout"),
    ("GET", "/api/{session}/auth/qr"),
    ("POST", "/api/{session}/auth/request-code"),
    ("GET", "/api/{session}/lids"),
    ("GET", "/api/{session}/lids/count"),
    ("GET", "/api/{session}/lids/{lid}"),
    ("GET", "/api/{session}/lids/pn/{phone}"),
    ("GET", "/api/{session}/groups/events"),
    ("GET", "/api/{session}/groups/{id}/events"),
    ("GET", "/ws"),
];

/// What is passed on to WAHA servers, and no more.
const CARRIED: &str = "
    POST /api/sendText
    POST /api/sendImage
    POST /api/sendFile
    POST /api/sendVoice
    POST /api/sendVideo
    POST /api/sendSticker
    POST /api/send/link-custom-preview
    POST /api/sendLinkPreview
    POST /api/sendButtons
    POST /api/send/buttons/reply
    POST /api/sendList
    POST /api/sendPoll
    POST /api/sendPollVote
    POST /api/sendLocation
    POST /api/sendContactVcard
    POST /api/forwardMessage
    POST /api/reply
    POST /api/sendSeen
    POST /api/startTyping
    POST /api/stopTyping
    PUT /api/reaction
    PUT /api/star
    POST /api/contacts/block
    POST /api/contacts/unblock
    GET /api/sendText
    GET /api/messages
    GET /api/checkNumberStatus
    GET /api/contacts
    GET /api/contacts/all
    GET /api/contacts/check-exists
    GET /api/contacts/about
    GET /api/contacts/profile-picture
    GET /api/screenshot
    GET /api/{session}/contacts/{chatId}
    PUT /api/{session}/contacts/{chatId}
    POST /api/{session}/calls/reject
    GET /api/{session}/new-message-id
    GET /api/sessions/{session}/timelock
    GET /api/sessions/{session}/capping
    GET /api/{session}/chats
    GET /api/{session}/chats/overview
    POST /api/{session}/chats/overview
    DELETE /api/{session}/chats/{chatId}
    GET /api/{session}/chats/{chatId}/picture
    POST /api/{session}/chats/{chatId}/archive
    POST /api/{session}/chats/{chatId}/unarchive
    POST /api/{session}/chats/{chatId}/unread
    GET /api/{session}/chats/{chatId}/messages
    DELETE /api/{session}/chats/{chatId}/messages
    POST /api/{session}/chats/{chatId}/messages/read
    GET /api/{session}/chats/{chatId}/messages/{messageId}
    PUT /api/{session}/chats/{chatId}/messages/{messageId}
    DELETE /api/{session}/chats/{chatId}/messages/{messageId}
    POST /api/{session}/chats/{chatId}/messages/{messageId}/pin
    POST /api/{session}/chats/{chatId}/messages/{messageId}/unpin
    GET /api/{session}/presence
    POST /api/{session}/presence
    GET /api/{session}/presence/{chatId}
    POST /api/{session}/presence/{chatId}/subscribe
    POST /api/{session}/status/text
    POST /api/{session}/status/image
    POST /api/{session}/status/voice
    POST /api/{session}/status/video
    POST /api/{session}/status/delete
    GET /api/{session}/status/new-message-id
    GET /api/{session}/labels
    POST /api/{session}/labels
    PUT /api/{session}/labels/{labelId}
    DELETE /api/{session}/labels/{labelId}
    GET /api/{session}/labels/{labelId}/chats
    GET /api/{session}/labels/chats/{chatId}
    PUT /api/{session}/labels/chats/{chatId}
    GET /api/{session}/channels
    POST /api/{session}/channels
    GET /api/{session}/channels/{channelId}
    DELETE /api/{session}/channels/{channelId}
    GET /api/{session}/channels/{channelId}/messages/preview
    POST /api/{session}/channels/{channelId}/follow
    POST /api/{session}/channels/{channelId}/unfollow
    POST /api/{session}/channels/{channelId}/mute
    POST /api/{session}/channels/{channelId}/unmute
    POST /api/{session}/channels/search/by-view
    POST /api/{session}/channels/search/by-text
    GET /api/{session}/channels/search/views
    GET /api/{session}/channels/search/countries
    GET /api/{session}/channels/search/categories
    GET /api/{session}/profile
    PUT /api/{session}/profile/name
    PUT /api/{session}/profile/status
    PUT /api/{session}/profile/picture
    DELETE /api/{session}/profile/picture
    POST /api/{session}/events
    POST /api/{session}/media/convert/voice
    POST /api/{session}/media/convert/video
";

fn carried() -> impl Iterator<Item = (&'static str, String)> {
    let lines = CARRIED.lines().filter_map(|line| line.trim().split_once(' '));
    lines.map(|(method, path)| (method, path.to_owned()))
}

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];

async fn served(change: impl FnOnce(&mut Settings)) -> (Service, Rest, Value) {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        change(settings);
    });
    let service = service.await;
    let rest = Rest::new(&service);
    let document = rest.send_to("GET", "/openapi.json", "").await.ok();
    (service, rest, document)
}

fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("methods").keys();
        methods.map(|method| (method.to_uppercase(), path.clone()))
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_has_wahas_routes_and_ours_and_no_others() {
    let (_service, _rest, document) = served(|_| ()).await;
    assert_eq!(document["openapi"], json!("3.1.0"));
    let waha =
        ROUTES.iter().map(|route| (route.method, format!("/api/{{session}}/groups{}", route.path)));
    let ours = OURS.iter().map(|(method, path)| (*method, (*path).to_owned()));
    let wanted: BTreeSet<_> =
        waha.chain(ours).chain(carried()).map(|(method, path)| (method.to_owned(), path)).collect();
    assert_eq!(
        wanted.len(),
        ROUTES.len() + OURS.len() + carried().count(),
        "no route stands there twice"
    );
    assert_eq!(described(&document), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_has_is_served_and_what_it_has_not_is_not() {
    let (_service, rest, document) = served(|_| ()).await;
    let described = described(&document);
    let paths: BTreeSet<&String> = described.iter().map(|(_, path)| path).collect();
    for path in paths {
        // A session that there is not: nothing is changed, and no stream begins.
        let asked = path.replace("{session}", "nobody").replace("{id}", "120363000000000001@g.us");
        for method in METHODS {
            let answer = rest.send_to(method, &asked, "").await;
            let is_known = answer.reason() != "METHOD_NOT_FOUND";
            // Without a handshake there is no such path.
            let is_known = is_known || (method, path.as_str()) == ("GET", "/ws");
            let is_described = described.contains(&(method.to_owned(), path.clone()));
            assert_eq!(is_known, is_described, "{method} {path}: {answer:?}");
        }
    }
}

/// Every route comes from the list that the document is made of, or is a page.
#[test]
fn no_route_is_added_beside_the_list() {
    let router = include_str!("../../../src/rest/mod.rs");
    assert_eq!(router.matches(".route(").count(), 1, "one place, in a loop over the list");
    let pages = include_str!("../../../src/rest/pages/mod.rs");
    assert_eq!(pages.matches(".route(").count(), 2, "the files, and the document");
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference);
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_whole_in_every_shape() {
    for (shape, key) in [
        (RestShape::Normalized, "subject"),
        (RestShape::Gows, "Name"),
        (RestShape::Noweb, "subject"),
        (RestShape::Webjs, "groupMetadata"),
        (RestShape::Wpp, "groupMetadata"),
    ] {
        let (_service, _rest, document) = served(|settings| settings.rest.shape = shape).await;
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 40, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a place in the document");
            assert!(document.pointer(pointer).is_some(), "{shape:?}: {reference}");
        }
        let group = &document["components"]["schemas"]["Group"]["properties"];
        assert!(group[key].is_object(), "{shape:?}: {group}");
        let list = &document["components"]["schemas"]["GroupList"]["type"];
        let wanted = if shape == RestShape::Noweb { "object" } else { "array" };
        assert_eq!(list, wanted, "{shape:?}");
        let done =
            &document["paths"]["/api/{session}/groups/{id}/subject"]["put"]["responses"]["200"];
        let says_nothing = matches!(shape, RestShape::Gows | RestShape::Noweb);
        assert_eq!(done.get("content").is_none(), says_nothing, "{done}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_said_to_be_needed_where_it_is() {
    let (_service, _rest, open) = served(|_| ()).await;
    let security = |document: &Value| document["security"].as_array().expect("a list").clone();
    assert_eq!(security(&open).len(), 4);
    assert!(security(&open).contains(&json!({})), "{open}");
    // Without a key, which nobody needs to read a document.
    let (_service, _rest, closed) = served(|settings| {
        settings.auth.keys = vec![ApiKey {
            name: "all".into(),
            sha256: "0".repeat(64).parse().expect("a digest"),
            sessions: vec!["*".parse().expect("a pattern")],
            role: None,
        }];
    })
    .await;
    assert_eq!(security(&closed).len(), 3);
    assert!(!security(&closed).contains(&json!({})), "{closed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_a_change_takes_and_answers() {
    let (_service, _rest, document) = served(|_| ()).await;
    let path = "/api/{session}/groups";
    let create = &document["paths"][path]["post"];
    let body = &create["requestBody"];
    assert_eq!(body["required"], json!(true));
    assert_eq!(
        body["content"]["application/json"]["schema"]["$ref"],
        json!("#/components/schemas/CreateGroupRequest")
    );
    let schema = &document["components"]["schemas"]["CreateGroupRequest"];
    assert_eq!(schema["required"], json!(["name", "participants"]));
    assert_eq!(schema["properties"]["name"]["maxLength"], json!(100));
    let responses = create["responses"].as_object().expect("responses");
    let statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
    let wanted =
        ["201", "400", "401", "403", "408", "409", "413", "415", "422", "500", "501", "503", "504"];
    assert_eq!(statuses, wanted);
    assert!(create["responses"]["201"]["headers"]["X-Wagroups-Sequence"].is_object());
    let parameters = create["parameters"].as_array().expect("parameters");
    assert!(parameters.contains(&json!({ "$ref": "#/components/parameters/IdempotencyKey" })));
    let list = &document["paths"][path]["get"];
    assert!(list["responses"]["200"]["headers"]["X-Total-Count"].is_object());
    let parameters = list["parameters"].as_array().expect("parameters");
    let in_query = parameters.iter().filter(|parameter| parameter["in"] == json!("query"));
    assert!(in_query.clone().all(|parameter| parameter["required"] == json!(false)), "{list}");
    let names: Vec<_> = in_query.filter_map(|parameter| parameter["name"].as_str()).collect();
    assert_eq!(names, ["sortBy", "sortOrder", "limit", "offset", "exclude", "search"]);
}
