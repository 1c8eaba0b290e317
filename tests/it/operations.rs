//! Operations as bytes: what one process sends another, of the same version, an earlier or a later one.

use std::collections::BTreeSet;
use std::fmt::Debug;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use wagroups::domain::answer::Answer;
use wagroups::domain::clock::Timestamp;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::{GroupSettings, MemberAddMode};
use wagroups::domain::id::{GroupId, InviteCode, ParticipantId};
use wagroups::domain::invite::{GroupPreview, Invite, JoinOutcome};
use wagroups::domain::operation::*;
use wagroups::domain::participant::{
    Account, Participant, ParticipantResult, ParticipantStatus, PrivateInvite, Role,
};
use wagroups::domain::picture::GroupPicture;
use wagroups::domain::port::picture::PictureSource;
use wagroups::domain::setting::Setting;

/// Each command and query as the first version that sends them encodes it. What is there stays there: others are
/// added, for operations and for fields that come later.
const ENCODED: &str = include_str!("operations/encoded.jsonl");

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("what it is to be")
}

fn group_id() -> GroupId {
    id("120363000000000001@g.us")
}

fn people() -> Vec<ParticipantId> {
    vec![id("4915100000001@c.us"), id("123456789@lid")]
}

fn private_invite() -> PrivateInvite {
    PrivateInvite {
        group_id: group_id(),
        code: id("aBcDeFgHiJkLmNoP"),
        expire_time: Timestamp::from_seconds(1_800_000_000),
        inviter: id("4915100000001@c.us"),
    }
}

fn commands() -> Vec<Command> {
    let settings = GroupSettings {
        info_admin_only: true,
        member_add_mode: MemberAddMode::AdminsOnly,
        disappearing_timer_seconds: 86_400,
        ..Default::default()
    };
    let mut commands: Vec<Command> = vec![
        CreateGroup {
            subject: id("Crew"),
            description: id("Mondays\nat 9"),
            participants: people(),
            settings,
        }
        .into(),
        LeaveGroup { group_id: group_id() }.into(),
        JoinGroup { invite: Invite::Code(id("AbCdEfGhIjKlMnOpQrStUv")) }.into(),
        JoinGroup { invite: Invite::Private(private_invite()) }.into(),
        SetGroupSubject { group_id: group_id(), subject: id("Crew") }.into(),
        SetGroupDescription {
            group_id: group_id(),
            description: id("Mondays"),
            expected_id: Some("3A01".to_owned()),
        }
        .into(),
        SetGroupPicture {
            group_id: group_id(),
            picture: PictureSource::Data(Bytes::from_static(&[0xff, 0xd8, 0xff])),
        }
        .into(),
        SetGroupPicture {
            group_id: group_id(),
            picture: PictureSource::Url(id("https://example.com/a.jpg")),
        }
        .into(),
        DeleteGroupPicture { group_id: group_id() }.into(),
        RevokeInviteCode { group_id: group_id() }.into(),
    ];
    let settings = [
        Setting::InfoAdminOnly(true),
        Setting::MessagesAdminOnly(false),
        Setting::MemberAddMode(MemberAddMode::AllMembers),
        Setting::MembershipApproval(true),
        Setting::MemberShareHistory(true),
        Setting::DisappearingTimer(604_800),
    ];
    let change = |setting| ChangeSetting { group_id: group_id(), setting }.into();
    commands.extend(settings.map(change));
    let actions =
        [MemberAction::Join, MemberAction::Leave, MemberAction::Promote, MemberAction::Demote];
    let change =
        |action| ChangeParticipants { group_id: group_id(), action, participants: people() }.into();
    commands.extend(actions.map(change));
    let answer =
        |answer| AnswerJoinRequests { group_id: group_id(), answer, participants: people() }.into();
    commands.extend([RequestAnswer::Approve, RequestAnswer::Reject].map(answer));
    commands
}

fn queries() -> Vec<Query> {
    vec![
        GetJoinInfo { invite: Invite::Code(id("AbCdEfGhIjKlMnOpQrStUv")) }.into(),
        GetGroupPicture { group_id: group_id() }.into(),
        ListJoinRequests { group_id: group_id() }.into(),
        GetInviteCode { group_id: group_id() }.into(),
        FetchGroup { group_id: group_id() }.into(),
        FetchAll {}.into(),
    ]
}

/// Reads back what it writes, also where a later version has more to say.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let bytes = encode(value).expect("encoded");
    assert_eq!(decode::<T>(&bytes).expect("decoded"), *value);
    let mut later: Value = decode(&bytes).expect("JSON");
    let inner = later.as_object_mut().and_then(|object| object.values_mut().next());
    if let Some(Value::Object(fields)) = inner {
        fields.insert("added_later".to_owned(), json!({ "a": [1] }));
    }
    let later = encode(&later).expect("encoded");
    assert_eq!(decode::<T>(&later).expect("what it does not know is passed over"), *value);
}

#[test]
fn every_operation_survives_a_round_trip() {
    let (commands, queries) = (commands(), queries());
    commands.iter().for_each(survives);
    queries.iter().for_each(survives);
    let covered = commands.iter().map(Command::name).chain(queries.iter().map(Query::name));
    let covered: BTreeSet<_> = covered.collect();
    let of_sessions = [OperationName::LogoutSession, OperationName::RequestPairingCode];
    let all = OperationName::ALL.iter().copied().filter(|name| !of_sessions.contains(name));
    assert_eq!(covered, all.collect());
}

#[test]
fn what_an_earlier_version_encoded_is_what_it_was() {
    let lines: Vec<&str> = ENCODED.lines().collect();
    let (commands, queries) = (commands(), queries());
    assert_eq!(lines.len(), commands.len() + queries.len());
    let (of_commands, of_queries) = lines.split_at(commands.len());
    for (command, line) in commands.iter().zip(of_commands) {
        assert_eq!(decode::<Command>(line.as_bytes()).expect(line), *command);
        // A request id that was taken before an update is repeated after it.
        assert_eq!(String::from_utf8_lossy(&encode(command).expect("encoded")), *line);
    }
    for (query, line) in queries.iter().zip(of_queries) {
        assert_eq!(decode::<Query>(line.as_bytes()).expect(line), *query);
    }
}

#[test]
fn an_operation_of_a_later_version_is_refused() {
    assert!(decode::<Command>(br#"{"PinMessage":{"group_id":"1@g.us"}}"#).is_err());
    assert!(decode::<Command>(br#"{"LeaveGroup":{}}"#).is_err());
    assert!(decode::<Command>(br#"{"LeaveGroup":{"group_id":"no group"}}"#).is_err());
}

#[test]
fn commands_that_ask_for_the_same_have_one_digest() {
    let digests = commands().iter().map(|command| command.digest().expect("a digest")).collect();
    let digests: BTreeSet<Digest> = digests;
    assert_eq!(digests.len(), commands().len());
    let spelled = |number: &str| -> Command {
        let (group_id, participants) = (group_id(), vec![id(number)]);
        ChangeParticipants { group_id, action: MemberAction::Join, participants }.into()
    };
    let digest = |number| spelled(number).digest().expect("a digest");
    assert_eq!(digest("+49 151 000-00001"), digest("4915100000001@s.whatsapp.net"));
    assert_ne!(digest("4915100000001"), digest("4915100000002"));
}

#[test]
fn every_answer_survives_a_round_trip() {
    let account = Account::with_both(id("123456789@lid"), id("4915100000001"));
    let result = ParticipantResult {
        requested: id("4915100000001@c.us"),
        account,
        status: ParticipantStatus::PrivacyInviteNeeded,
        code: 403,
        private_invite: Some(private_invite()),
    };
    let group_id = group_id();
    let outcomes = [
        ().outcome(Some(&group_id)),
        vec![result.clone()].outcome(Some(&group_id)),
        id::<InviteCode>("AbCdEfGhIjKlMnOpQrStUv").outcome(Some(&group_id)),
        Created { group_id: group_id.clone(), results: vec![result] }.outcome(None),
        Joined { group_id: group_id.clone(), outcome: JoinOutcome::PendingApproval }.outcome(None),
    ];
    for outcome in outcomes {
        survives(&Answer { outcome, changed: true, sequence: 7.into(), repeated: false });
    }
    survives(&id::<InviteCode>("AbCdEfGhIjKlMnOpQrStUv"));
    survives(&GroupPicture {
        picture_id: "1".to_owned(),
        url: Some("https://example.com/a.jpg".to_owned()),
        url_expire_time: Some(Timestamp::from_seconds(1_800_000_000)),
        data: Bytes::from_static(b"jpeg"),
    });
    survives(&GroupPreview {
        group_id,
        subject: "Crew".to_owned(),
        description: String::new(),
        owner: Some(account.id()),
        create_time: None,
        member_count: 2,
        membership_approval: true,
        parent: None,
        participants: vec![Participant::new(account, Role::Superadmin)],
    });
}
