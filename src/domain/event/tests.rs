use super::*;
use crate::domain::session::{EngineConfig, SessionStatus};

/// Draws bytes that count up from this one.
struct CountingUp(u8);

impl Entropy for CountingUp {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, number) in bytes.iter_mut().zip(self.0..) {
            *byte = number;
        }
    }
}

fn group_id() -> GroupId {
    "120363000000000001@g.us".parse().expect("an id")
}

fn lid(number: u64) -> ParticipantId {
    format!("{number}@lid").parse().expect("an id")
}

/// A group of which nothing is as it is by default.
fn full_group() -> Group {
    let mut group = Group::partial(group_id());
    group.subject.text = "Team".to_owned();
    group.description.text = "All of it".to_owned();
    group.settings.info_admin_only = true;
    group.settings.messages_admin_only = true;
    group.settings.member_add_mode = MemberAddMode::AdminsOnly;
    group.settings.membership_approval = true;
    group.settings.member_share_history = true;
    group.settings.disappearing_timer_seconds = 86_400;
    group.owner = Some(lid(7));
    group.addressing_mode = AddressingMode::Lid;
    group.parent = Some("120363000000000002@g.us".parse().expect("an id"));
    group.suspended = true;
    group.kind = GroupKind::Announcement;
    group.set_counted(Some(100));
    group
}

#[test]
fn an_id_tells_when_it_was_made_and_what_was_drawn() {
    let at = |seconds| Timestamp::from_seconds(seconds);
    let id = EventId::new(at(1_700_000_000), &CountingUp(1));
    let text = id.to_string();
    assert_eq!(text, format!("{id:?}"));
    assert!(text.starts_with("evt_") && text.len() == 4 + 26, "{text}");
    assert_eq!(text, text.to_ascii_lowercase());
    assert_eq!(text.parse(), Ok(id));
    assert_eq!(id, EventId::new(at(1_700_000_000), &CountingUp(1)));
    assert!(EventId::new(at(1_700_000_001), &CountingUp(0)) > id, "a later one sorts behind it");
    assert_ne!(EventId::new(at(1_700_000_000), &CountingUp(2)), id);
    // A clock that stands before 1970.
    assert_eq!(EventId::new(at(-1), &CountingUp(1)), EventId::new(at(0), &CountingUp(1)));
    for text in ["", "evt_", "whk_01arz3ndektsv4rrffq69g5fav", "01arz3ndektsv4rrffq69g5fav"] {
        assert!(text.parse::<EventId>().is_err(), "{text}");
    }
}

#[test]
fn the_fingerprint_of_an_event_is_what_was_drawn_for_it() {
    let id = |seconds, start| EventId::new(Timestamp::from_seconds(seconds), &CountingUp(start));
    assert_eq!(id(1, 1).fingerprint(), Fingerprint([8, 7, 6, 5, 4, 3, 2, 1]));
    assert_eq!(id(2, 1).fingerprint(), id(1, 1).fingerprint());
    assert_ne!(id(1, 2).fingerprint(), id(1, 1).fingerprint());
}

#[test]
fn a_record_stands_at_its_position_with_its_fingerprint() {
    let id = EventId::new(Timestamp::from_seconds(1), &CountingUp(1));
    let record = EventRecord {
        position: Position::from(42),
        id,
        session: "shop".parse().expect("a name"),
        sequence: Sequence::from(7),
        group_id: Some(group_id()),
        event_type: EventType::Left,
        record_time: Timestamp::EPOCH,
        wire: Bytes::new(),
    };
    let at = LogPosition::from(&record);
    assert_eq!(at, LogPosition { position: Position::from(42), fingerprint: id.fingerprint() });
}

/// What an older version stored must mean the same for good.
#[test]
fn the_log_s_numbers_of_types_stay_what_they_are() {
    let stored = [
        (1, "joined"),
        (2, "left"),
        (3, "participants_changed"),
        (4, "updated"),
        (5, "deleted"),
        (6, "picture_changed"),
        (7, "invite_revoked"),
        (8, "join_request"),
        (9, "session_deleted"),
    ];
    assert_eq!(EventType::ALL.map(|kind| (kind.code(), kind.as_str())), stored);
    for kind in EventType::ALL {
        assert_eq!(EventType::from_code(kind.code()), Some(kind));
    }
    assert_eq!((EventType::from_code(0), EventType::from_code(10)), (None, None));
}

#[test]
fn every_body_is_of_its_own_type() {
    let group = Arc::new(full_group());
    let account = Account::new(lid(7));
    let bodies = [
        EventBody::Joined(group.clone()),
        EventBody::Left(Some(group.clone())),
        EventBody::ParticipantsChanged(ParticipantsChanged {
            action: MemberAction::Join,
            participants: Vec::new(),
        }),
        EventBody::Updated(Vec::new()),
        EventBody::Deleted(Some(group)),
        EventBody::PictureChanged(PictureChanged { picture_id: None }),
        EventBody::InviteRevoked,
        EventBody::JoinRequest(JoinRequestChanged {
            action: JoinRequestAction::Created,
            request: JoinRequest::of(account),
        }),
        EventBody::SessionDeleted(None),
    ];
    assert_eq!(bodies.map(|body| body.event_type()), EventType::ALL);
}

#[test]
fn a_field_is_read_of_one_group_and_set_on_another() {
    let full = full_group();
    let mut other = Group::partial(group_id());
    for field in Field::VALUED {
        let value = FieldValue::of(&full, field).expect("a value");
        assert_eq!(value.field(), field);
        let before = FieldValue::of(&other, field).expect("a value");
        assert!(!value.says_same(&before), "{field:?}");
        value.set_on(&mut other);
        assert_eq!(FieldValue::of(&other, field), Some(value));
    }
    assert_eq!(other, full);
    for field in [Field::Picture, Field::Invite] {
        assert_eq!(FieldValue::of(&full, field), None, "{field:?}");
    }
}

#[test]
fn who_set_a_text_and_when_is_no_change_of_it() {
    let time = Some(Timestamp::from_seconds(1));
    let subject = |text: &str, time| {
        FieldValue::Subject(Subject { text: text.to_owned(), time, owner: None })
    };
    assert!(subject("Team", None).says_same(&subject("Team", time)));
    assert!(!subject("Team", None).says_same(&subject("Others", None)));
    let description = |text: &str, id: &str| {
        let (text, id) = (text.to_owned(), id.to_owned());
        FieldValue::Description(Description { text, id, time, owner: None })
    };
    assert!(description("All", "1").says_same(&description("All", "2")));
    assert!(!description("All", "1").says_same(&description("Some", "1")));
    assert!(!subject("All", None).says_same(&description("All", "1")));
    assert!(!FieldValue::Suspended(true).says_same(&FieldValue::Suspended(false)));
}

#[test]
fn a_deleted_session_is_remembered_as_it_was() {
    let session = Session {
        name: "shop".parse().expect("a name"),
        engine: EngineKind::Native,
        config: EngineConfig::Native {},
        status: SessionStatus::Working,
        status_reason: String::new(),
        status_time: Timestamp::EPOCH,
        account: Some(Account::new(lid(7))),
        push_name: "Shop".to_owned(),
        metadata: BTreeMap::from([("team".to_owned(), "north".to_owned())]),
        wanted: true,
        sequence: Sequence::from(9),
        create_time: Timestamp::from_seconds(5),
        synced_time: None,
    };
    let DeletedSession { account, push_name, metadata, create_time } = (&session).into();
    assert_eq!((account, push_name), (session.account, session.push_name));
    assert_eq!((metadata, create_time), (session.metadata, session.create_time));
}
