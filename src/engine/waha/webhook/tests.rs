//! That nothing that arrives does harm; what each engine's events mean is in `tests/it/webhook/cases`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Content, Ignored, read};
use crate::domain::clock::Timestamp;
use crate::domain::group::Group;
use crate::domain::participant::{Account, Participant, Role};
use crate::domain::reducer::{Change, GroupState, reduce};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// Values as they stand in bodies, among those that should not.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1.0e18..1.0e18).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "120363000000000001@g.us",
            "222@lid",
            "222:7@lid",
            "4915100000002@c.us",
            "4915100000002:3@s.whatsapp.net",
            "join",
            "leave",
            "promote",
            "demote",
            "created",
            "admin",
            "superadmin",
            "0001-01-01T00:00:00Z",
            "all_member_add",
        ])
        .prop_map(Value::from),
    ]
}

/// The names that the parser looks at, so that chance finds its ways.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "group",
        "id",
        "type",
        "timestamp",
        "participants",
        "_data",
        "subject",
        "description",
        "invite",
        "role",
        "pn",
        "membersCanSendMessages",
        "membersCanAddNewMember",
        "action",
        "requesterId",
        "requesterPn",
        "Participants",
        "JID",
        "PhoneNumber",
        "IsAnnounce",
        "announce",
        "Sender",
        "SenderPN",
        "author",
        "GroupCreated",
        "creation",
        "DisappearingTimer",
        "chatId",
        "recipientIds",
        "status",
        "_serialized",
        "user",
        "server",
        "groupMetadata",
        "owner",
    ])
    .prop_map(str::to_owned)
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(key(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn event() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "group.v2.join",
        "group.v2.leave",
        "group.v2.participants",
        "group.v2.update",
        "group.v2.participants.join-request",
        "group.join",
        "group.leave",
        "session.status",
        "message",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, NOW);
    }

    #[test]
    fn any_payload_is_read_and_can_be_reduced(
        event in event(),
        payload in tree(),
        group in tree(),
        me in tree(),
        time in scalar(),
        engine in prop::sample::select(vec!["GOWS", "NOWEB", "WEBJS", "WPP", "OTHER"]),
    ) {
        let mut payload = payload;
        if let Value::Object(fields) = &mut payload {
            let mut group = group;
            if let Value::Object(group) = &mut group {
                group.insert("id".into(), json!("120363000000000001@g.us"));
            }
            fields.insert("group".into(), group);
        }
        let body = json!({
            "id": "evt_1", "timestamp": time, "event": event, "session": "s", "me": me,
            "payload": payload, "engine": engine,
        });
        let webhook = read(body.to_string().as_bytes(), NOW).expect("an envelope");
        prop_assert!(webhook.time <= NOW + std::time::Duration::from_secs(86_400));
        if let Content::Group(observations) = webhook.content {
            prop_assert!(!observations.is_empty());
            let mut state = GroupState::default();
            for observation in &observations {
                reduce(&mut state, observation, webhook.me.as_ref().map(|me| &me.account));
            }
            for observation in &observations {
                let again = reduce(&mut state, observation, None);
                let says_again = matches!(observation.change, Change::Left | Change::Deleted);
                prop_assert!(again.events.is_empty() || says_again, "{:?}", again.events);
            }
        }
    }
}

#[test]
fn what_is_no_envelope_is_refused_with_what_is_wrong() {
    for (body, part) in [
        ("", "it is no object"),
        ("[]", "it is no object"),
        ("{", "EOF"),
        ("{}", "missing field"),
        (r#"{"id":"","event":"message","session":"s"}"#, "the event's id must have 1 to 128"),
        (r#"{"id":"a b","event":"message","session":"s"}"#, "the event's id must have 1 to 128"),
        (r#"{"id":7,"event":"message","session":"s"}"#, "invalid type"),
    ] {
        let refused = read(body.as_bytes(), NOW).expect_err(body).to_string();
        assert!(refused.contains(part), "{body}: {refused}");
    }
    let deep = format!(r#"{{"id":"a","event":"e","session":"s","payload":{}"#, "[".repeat(10_000));
    let refused = read(deep.as_bytes(), NOW).expect_err("too deep").to_string();
    assert!(refused.contains("recursion limit"), "{refused}");
}

#[test]
fn what_is_missing_is_said_to_be_odd_and_what_is_new_is_left_alone() {
    let content = |event: &str, payload: Value| {
        let body = json!({ "id": "a", "event": event, "session": "s", "payload": payload });
        read(body.to_string().as_bytes(), NOW).expect("an envelope").content
    };
    for event in ["group.v2.join", "group.v2.leave", "group.v2.participants", "group.v2.update"] {
        for payload in [json!(null), json!([]), json!({ "group": {} }), json!({ "group": "x" })] {
            let content = content(event, payload);
            assert!(matches!(content, Content::Ignored(Ignored::Odd(_))), "{event}: {content:?}");
        }
    }
    let body = json!({
        "id": "a", "event": "group.v2.update", "session": "s", "extra": 1,
        "payload": { "group": { "id": "1@g.us", "subject": "x", "colour": "red" }, "mood": {} },
    });
    let webhook = read(body.to_string().as_bytes(), NOW).expect("an envelope");
    assert!(matches!(webhook.content, Content::Group(_)));
    assert_eq!(webhook.unknown_fields, ["mood", "colour"]);
    let new = content("group.v3.join", json!({ "group": { "id": "1@g.us" } }));
    assert_eq!(new, Content::Ignored(Ignored::OtherEvent));
}

#[test]
fn a_new_number_is_one_person_under_another_number() {
    let change = |author: &str, pn: Value| {
        let event = json!({
            "id": "evt_01m0xx31cj9qweg9zxaf500037", "timestamp": 1_790_000_000_000_i64,
            "event": "group.v2.participants", "session": "shop", "engine": "NOWEB",
            "me": {"id": "4915100000001@c.us", "lid": "111@lid"},
            "payload": {
                "group": {"id": "120363000000000001@g.us"},
                "participants": [{"id": pn, "pn": null, "role": "participant"}],
                "_data": {"action": "modify", "author": author}, "timestamp": 1_790_000_000_000_i64,
            },
        });
        match read(event.to_string().as_bytes(), NOW).expect("an envelope").content {
            Content::Group(mut observations) => observations.remove(0),
            other => panic!("{other:?}"),
        }
    };
    let number = || json!("4915100000099@c.us");
    let observation = change("4915100000002@s.whatsapp.net", number());
    let mut group = Group::partial("120363000000000001@g.us".parse().unwrap());
    for (id, role) in [("4915100000001", Role::Superadmin), ("4915100000002", Role::Admin)] {
        group.put_participant(Participant::new(Account::new(id.parse().unwrap()), role));
    }
    let mut state = GroupState { group: Some(group.into()), ..GroupState::default() };
    let reduction = reduce(&mut state, &observation, None);
    assert!(!reduction.reread);
    let members = state.group.as_ref().expect("we are in it").participants();
    let members: Vec<_> = members.iter().map(|p| (p.id().to_string(), p.role)).collect();
    let expected = [("4915100000001@c.us", Role::Superadmin), ("4915100000099@c.us", Role::Admin)];
    assert_eq!(members, expected.map(|(id, role)| (id.to_owned(), role)));
    // Delivered again, there is no member of the old number any more.
    assert!(reduce(&mut state, &observation, None).reread);
    // Neither we nor the new number are the old one: the group is read.
    for author in ["4915100000001@s.whatsapp.net", "4915100000099@s.whatsapp.net", ""] {
        assert_eq!(change(author, number()).change, Change::Unclear, "{author}");
    }
}
