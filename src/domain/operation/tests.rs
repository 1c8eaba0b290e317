use bytes::Bytes;
use futures::FutureExt as _;

use super::*;
use crate::domain::answer::MutationOutcome;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::{
    Field, FieldValue, JoinRequestAction, JoinRequestChanged, MemberAction, PictureChanged,
};
use crate::domain::group::{Description, Group, GroupSettings, MemberAddMode, Subject};
use crate::domain::id::{InviteCode, ParticipantId};
use crate::domain::invite::{Invite, JoinOutcome};
use crate::domain::join_request::JoinRequest;
use crate::domain::participant::{
    Participant, ParticipantResult, ParticipantStatus, PrivateInvite, Role,
};
use crate::domain::port::picture::PictureSource;
use crate::domain::reason::Reason;
use crate::domain::setting::Setting;

fn group_id() -> GroupId {
    "120363000000000001@g.us".parse().expect("an id")
}

fn person(number: u64) -> ParticipantId {
    format!("{number}@lid").parse().expect("an id")
}

fn invite_code() -> InviteCode {
    "AbCdEfGhIjKlMnOpQrStUv".parse().expect("a code")
}

fn private_invite() -> Invite {
    Invite::Private(PrivateInvite {
        group_id: group_id(),
        code: "AbCdEfGhIjKlMnOp".parse().expect("a code"),
        expire_time: Timestamp::from_seconds(9),
        inviter: person(7),
    })
}

fn setting(setting: Setting) -> Command {
    ChangeSetting { group_id: group_id(), setting }.into()
}

fn change(action: MemberAction) -> Command {
    let participants = vec![person(1), person(2)];
    ChangeParticipants { group_id: group_id(), action, participants }.into()
}

fn answer(answer: RequestAnswer) -> Command {
    let participants = vec![person(1), person(2)];
    AnswerJoinRequests { group_id: group_id(), answer, participants }.into()
}

/// Every command, with its name and whether it names its group.
fn commands() -> Vec<(Command, OperationName, bool)> {
    use OperationName as Op;
    let group_id = group_id();
    let subject = || "Team".parse().expect("a subject");
    let create = CreateGroup {
        subject: subject(),
        description: Default::default(),
        participants: vec![person(1)],
        settings: GroupSettings::default(),
    };
    let by_code = JoinGroup { invite: Invite::Code(invite_code()) };
    let description = "All".parse().expect("a description");
    let picture = PictureSource::Data(Bytes::from_static(b"jpeg"));
    let describe =
        SetGroupDescription { group_id: group_id.clone(), description, expected_id: None };
    vec![
        (create.into(), Op::CreateGroup, false),
        (LeaveGroup { group_id: group_id.clone() }.into(), Op::LeaveGroup, true),
        (by_code.into(), Op::JoinGroup, false),
        (JoinGroup { invite: private_invite() }.into(), Op::JoinGroup, true),
        (
            SetGroupSubject { group_id: group_id.clone(), subject: subject() }.into(),
            Op::SetGroupSubject,
            true,
        ),
        (describe.into(), Op::SetGroupDescription, true),
        (SetGroupPicture { group_id: group_id.clone(), picture }.into(), Op::SetGroupPicture, true),
        (DeleteGroupPicture { group_id: group_id.clone() }.into(), Op::DeleteGroupPicture, true),
        (setting(Setting::InfoAdminOnly(true)), Op::SetInfoAdminOnly, true),
        (setting(Setting::MessagesAdminOnly(true)), Op::SetMessagesAdminOnly, true),
        (setting(Setting::MemberAddMode(MemberAddMode::AdminsOnly)), Op::SetMemberAddMode, true),
        (setting(Setting::MembershipApproval(true)), Op::SetMembershipApproval, true),
        (setting(Setting::MemberShareHistory(true)), Op::SetMemberShareHistory, true),
        (setting(Setting::DisappearingTimer(7)), Op::SetDisappearingTimer, true),
        (change(MemberAction::Join), Op::AddParticipants, true),
        (change(MemberAction::Leave), Op::RemoveParticipants, true),
        (change(MemberAction::Promote), Op::PromoteParticipants, true),
        (change(MemberAction::Demote), Op::DemoteParticipants, true),
        (answer(RequestAnswer::Approve), Op::ApproveJoinRequests, true),
        (answer(RequestAnswer::Reject), Op::RejectJoinRequests, true),
        invite_code::example(group_id),
    ]
}

fn queries() -> [(Query, OperationName); 6] {
    use OperationName as Op;
    let group_id = group_id();
    [
        (GetJoinInfo { invite: private_invite() }.into(), Op::GetJoinInfo),
        (GetGroupPicture { group_id: group_id.clone() }.into(), Op::GetGroupPicture),
        (ListJoinRequests { group_id: group_id.clone() }.into(), Op::ListJoinRequests),
        (GetInviteCode { group_id: group_id.clone() }.into(), Op::GetInviteCode),
        (FetchGroup { group_id }.into(), Op::FetchGroup),
        (FetchAll {}.into(), Op::FetchAll),
    ]
}

#[test]
fn an_operation_has_the_name_of_what_it_serves_and_only_queries_are_reads() {
    for (command, name, names_group) in commands() {
        assert_eq!(command.name(), name);
        assert_eq!(command.group_id().is_some(), names_group, "{command:?}");
        assert!(!name.is_read(), "{name:?}");
    }
    for (query, name) in queries() {
        assert_eq!(query.name(), name);
        assert!(name.is_read(), "{name:?}");
    }
    for name in OperationName::ALL {
        assert_eq!(OperationName::from_name(name.as_str()), Some(*name));
        assert_eq!(name.as_str(), format!("{name:?}"));
    }
    assert_eq!(OperationName::from_name("addParticipants"), None);
    assert!(!OperationName::LogoutSession.is_read());
}

#[test]
fn a_command_says_what_whatsapp_will_report() {
    let fields = |value| vec![Change::Fields(vec![value])];
    let subject = Subject { text: "Team".to_owned(), ..Subject::default() };
    let description = Description { text: "All".to_owned(), ..Description::default() };
    let picture = vec![Change::Picture(PictureChanged { picture_id: None })];
    let member = |number| Participant::new(Account::new(person(number)), Role::Participant);
    let members = |action| vec![Change::Members { action, members: vec![member(1), member(2)] }];
    let answered = |action| -> Vec<Change> {
        let request = |number| JoinRequest::of(Account::new(person(number)));
        let one =
            |number| Change::JoinRequest(JoinRequestChanged { action, request: request(number) });
        vec![one(1), one(2)]
    };
    for (command, name, _) in commands() {
        use OperationName as Op;
        let expected = match name {
            Op::CreateGroup | Op::SetGroupSubject => fields(FieldValue::Subject(subject.clone())),
            Op::LeaveGroup => vec![Change::Left],
            Op::SetGroupDescription => fields(FieldValue::Description(description.clone())),
            Op::SetGroupPicture | Op::DeleteGroupPicture => picture.clone(),
            Op::SetInfoAdminOnly => fields(FieldValue::InfoAdminOnly(true)),
            Op::SetMessagesAdminOnly => fields(FieldValue::MessagesAdminOnly(true)),
            Op::SetMemberAddMode => fields(FieldValue::MemberAddMode(MemberAddMode::AdminsOnly)),
            Op::SetMembershipApproval => fields(FieldValue::MembershipApproval(true)),
            Op::SetMemberShareHistory => fields(FieldValue::MemberShareHistory(true)),
            Op::SetDisappearingTimer => fields(FieldValue::DisappearingTimer(7)),
            Op::AddParticipants => members(MemberAction::Join),
            Op::RemoveParticipants => members(MemberAction::Leave),
            Op::PromoteParticipants => members(MemberAction::Promote),
            Op::DemoteParticipants => members(MemberAction::Demote),
            Op::ApproveJoinRequests => answered(JoinRequestAction::Approved),
            Op::RejectJoinRequests => answered(JoinRequestAction::Rejected),
            name if name == invite_code::example(group_id()).1 => vec![Change::InviteRevoked],
            // What it joins is not known before.
            _ => Vec::new(),
        };
        assert_eq!(command.expected(), expected, "{name:?}");
    }
}

#[test]
fn operations_come_back_from_bytes_as_they_were_and_only_equal_ones_have_one_digest() {
    let mut digests = std::collections::HashSet::new();
    for (command, _, _) in commands() {
        let bytes = encode(&command).expect("bytes");
        assert_eq!(decode::<Command>(&bytes).expect("a command"), command);
        assert_eq!(command.digest().ok(), command.clone().digest().ok());
        assert!(digests.insert(command.digest().expect("a digest")), "{command:?}");
    }
    for (query, _) in queries() {
        let bytes = encode(&query).expect("bytes");
        assert_eq!(decode::<Query>(&bytes).expect("a query"), query);
    }
    let error = decode::<Command>(b"{\"Invented\":{}}").expect_err("none of ours");
    assert_eq!(error.reason(), Reason::Internal);
}

/// A repetition may come after an update of the service.
#[test]
fn a_digest_is_that_of_the_encoded_command() {
    use sha2::Digest as _;
    let (command, _, _) = commands().remove(1);
    let bytes = encode(&command).expect("bytes");
    assert_eq!(bytes, br#"{"LeaveGroup":{"group_id":"120363000000000001@g.us"}}"#);
    let digest: [u8; 32] = sha2::Sha256::digest(&bytes).into();
    assert_eq!(command.digest().expect("a digest"), digest);
}

fn result() -> ParticipantResult {
    ParticipantResult {
        requested: person(1),
        account: Account::new(person(1)),
        status: ParticipantStatus::Ok,
        code: 200,
        private_invite: None,
    }
}

#[test]
fn an_answer_is_about_the_group_that_was_named_or_made() {
    let (id, named) = (group_id(), group_id());
    let about = MutationOutcome { group_id: Some(id.clone()), ..MutationOutcome::default() };
    let results = vec![result()];
    assert_eq!(().outcome(Some(&named)), about);
    assert_eq!(().outcome(None), MutationOutcome::default());
    let with_results = MutationOutcome { results: results.clone(), ..about.clone() };
    assert_eq!(results.clone().outcome(Some(&named)), with_results);
    assert_eq!(Created { group_id: id.clone(), results }.outcome(None), with_results);
    let code = MutationOutcome { invite_code: Some(invite_code()), ..about.clone() };
    assert_eq!(invite_code().outcome(Some(&named)), code);
    for outcome in [JoinOutcome::Joined, JoinOutcome::PendingApproval] {
        let joined = Joined { group_id: id.clone(), outcome };
        let expected = MutationOutcome { join_outcome: Some(outcome), ..about.clone() };
        assert_eq!(joined.outcome(None), expected);
    }
}

#[test]
fn an_engine_s_answer_keeps_its_reports_whatever_is_made_of_its_value() {
    let answer =
        EngineAnswer { value: 7, observations: Vec::new(), source_ids: vec!["a".to_owned()] };
    let answer = answer.map(|value| value.to_string());
    assert_eq!((answer.value, answer.source_ids), ("7".to_owned(), vec!["a".to_owned()]));
}

#[test]
fn a_failed_call_says_how_far_it_got() {
    let error = || Error::new(Reason::GroupFull, "it is full");
    for (error, outcome, text) in [
        (EngineError::not_sent(error()), Outcome::NotSent, "GROUP_FULL: it is full (NotSent)"),
        (EngineError::rejected(error()), Outcome::Rejected, "GROUP_FULL: it is full (Rejected)"),
        (EngineError::unknown("lost"), Outcome::Unknown, "OUTCOME_UNKNOWN: lost (Unknown)"),
    ] {
        assert_eq!((error.outcome, error.to_string()), (outcome, text.to_owned()));
    }
}

#[test]
fn a_group_that_was_fetched_is_a_report_of_all_of_it_or_that_we_are_not_in_it() {
    let fetched = |group: Option<Group>, unreported: &[Field]| {
        let unreported = unreported.to_vec();
        FetchedGroup { group, unreported, stamp: None }.into_change()
    };
    let group = Group::partial(group_id());
    let boxed = Box::new(group.clone());
    assert_eq!(fetched(Some(group.clone()), &[]), Change::Full(boxed.clone()));
    let unreported = vec![Field::Parent];
    let expected = Change::FullExcept { group: boxed, unreported };
    assert_eq!(fetched(Some(group), &[Field::Parent]), expected);
    assert_eq!(fetched(None, &[]), Change::Left);
}

#[test]
fn a_call_of_a_command_has_its_key_and_a_query_has_none() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait]
    impl CallEcho for Silent {
        async fn members(&self, _: usize) -> Vec<Account> {
            Vec::new()
        }

        fn count(&self) -> usize {
            3
        }
    }
    let session = "shop".parse().expect("a name");
    assert_eq!(EngineCall::of_query(&session).key, "");
    let call = EngineCall::of_command(&session, "k1");
    assert_eq!((call.key, call.session, call.echo.is_some()), ("k1", &session, false));
    let echo: Arc<dyn CallEcho> = Arc::new(Silent);
    let call = call.with_echo(&echo);
    assert_eq!((call.key, call.echo.map(|echo| echo.count())), ("k1", Some(3)));
    assert_eq!(echo.members(0).now_or_never(), Some(Vec::new()));
}
