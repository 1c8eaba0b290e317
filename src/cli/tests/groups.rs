//! Each command beside the call of GroupsService that it makes.

use std::process::ExitCode;

use serde_json::json;
use tonic::Status;

use super::recorder::{Case, Recorder, check, outcome};
use crate::pb::{self, ParticipantStatus};

const G: &str = "1@g.us";

fn reads() -> Vec<Case> {
    let group = json!({ "session": "a", "groupId": G, "minSequence": "7" });
    let fresh = json!({ "session": "a", "groupId": G, "refresh": true });
    vec![
        (
            "groups list --contains x --order members --desc --full",
            "ListGroups",
            json!({
                "session": "a", "view": "GROUP_VIEW_FULL", "orderBy": "GROUP_ORDER_MEMBER_COUNT",
                "descending": true, "filter": { "subjectContains": "x" },
            }),
        ),
        (
            "groups count --role admin",
            "CountGroups",
            json!({ "session": "a", "filter": { "myRoles": ["ROLE_ADMIN"] } }),
        ),
        (
            "groups get 1@g.us",
            "GetGroup",
            json!({ "session": "a", "groupId": G, "view": "GROUP_VIEW_FULL" }),
        ),
        (
            "groups settings get 1@g.us --refresh",
            "GetGroup",
            json!({ "session": "a", "groupId": G, "view": "GROUP_VIEW_BASIC", "refresh": true }),
        ),
        (
            "groups refresh 1@g.us --accept-losses",
            "RefreshGroups",
            json!({ "session": "a", "groupIds": [G], "acceptLosses": true }),
        ),
        ("groups join-info AbC", "GetJoinInfo", json!({ "session": "a", "inviteCode": "AbC" })),
        ("groups picture get 1@g.us --refresh", "GetGroupPicture", fresh.clone()),
        ("groups invite get 1@g.us --refresh", "GetInviteCode", fresh),
        (
            "groups requests list 1@g.us --refresh --page-size 5",
            "ListJoinRequests",
            json!({ "session": "a", "groupId": G, "refresh": true, "pageSize": 5 }),
        ),
        (
            "groups events --group 1@g.us --type left --after 3 --oldest --limit 5",
            "ListGroupEvents",
            json!({
                "session": "a", "groupIds": [G], "types": ["EVENT_TYPE_LEFT"],
                "afterSequenceExclusive": "3", "order": "EVENT_ORDER_OLDEST_FIRST", "pageSize": 5,
            }),
        ),
        (
            "groups participants list 1@g.us --role superadmin",
            "ListParticipants",
            json!({ "session": "a", "groupId": G, "roles": ["ROLE_SUPERADMIN"] }),
        ),
        (
            "groups settings get 1@g.us info-admin-only --min-sequence 7",
            "GetInfoAdminOnly",
            group.clone(),
        ),
        (
            "groups settings get 1@g.us messages-admin-only --min-sequence 7",
            "GetMessagesAdminOnly",
            group.clone(),
        ),
        (
            "groups settings get 1@g.us member-add-mode --min-sequence 7",
            "GetMemberAddMode",
            group.clone(),
        ),
        (
            "groups settings get 1@g.us membership-approval --min-sequence 7",
            "GetMembershipApproval",
            group.clone(),
        ),
        (
            "groups settings get 1@g.us member-share-history --min-sequence 7",
            "GetMemberShareHistory",
            group.clone(),
        ),
        (
            "groups settings get 1@g.us disappearing-timer --min-sequence 7",
            "GetDisappearingTimer",
            group,
        ),
    ]
}

fn changes() -> Vec<Case> {
    let group = json!({ "session": "a", "groupId": G });
    let private = json!({ "code": "c", "groupId": G, "inviter": "7@lid" });
    vec![
        (
            "groups create --subject Team +491 --add-admin-only --member-share-history --disappearing-timer 24h",
            "CreateGroup",
            json!({
                "session": "a", "subject": "Team", "participantIds": ["+491"],
                "settings": {
                    "memberAddMode": "MEMBER_ADD_MODE_ADMINS", "memberShareHistory": true,
                    "disappearingTimer": "86400s",
                },
            }),
        ),
        ("groups delete 1@g.us", "DeleteGroup", group.clone()),
        ("groups leave 1@g.us", "LeaveGroup", group.clone()),
        (
            "groups join https://chat.whatsapp.com/AbC",
            "JoinGroup",
            json!({ "session": "a", "inviteCode": "https://chat.whatsapp.com/AbC" }),
        ),
        (
            "groups join --private-code c --group 1@g.us --inviter 7@lid",
            "JoinGroup",
            json!({ "session": "a", "privateInvite": private }),
        ),
        (
            "groups subject set 1@g.us New",
            "SetGroupSubject",
            json!({ "session": "a", "groupId": G, "subject": "New" }),
        ),
        (
            "groups description set 1@g.us New --expected-id d",
            "SetGroupDescription",
            json!({
                "session": "a", "groupId": G, "description": "New", "expectedDescriptionId": "d",
            }),
        ),
        (
            "groups picture set 1@g.us https://example.org/a.png",
            "SetGroupPicture",
            json!({ "session": "a", "groupId": G, "url": "https://example.org/a.png" }),
        ),
        ("groups picture delete 1@g.us", "DeleteGroupPicture", group.clone()),
        ("groups invite revoke 1@g.us", "RevokeInviteCode", group),
    ]
}

fn settings() -> Vec<Case> {
    let on = |field: &str| json!({ "session": "a", "groupId": G, field: true });
    vec![
        ("groups settings set 1@g.us info-admin-only on", "SetInfoAdminOnly", on("infoAdminOnly")),
        (
            "groups settings set 1@g.us messages-admin-only on",
            "SetMessagesAdminOnly",
            on("messagesAdminOnly"),
        ),
        (
            "groups settings set 1@g.us member-add-mode all",
            "SetMemberAddMode",
            json!({
                "session": "a", "groupId": G, "memberAddMode": "MEMBER_ADD_MODE_ALL_MEMBERS",
            }),
        ),
        (
            "groups settings set 1@g.us membership-approval on",
            "SetMembershipApproval",
            on("membershipApproval"),
        ),
        (
            "groups settings set 1@g.us member-share-history on",
            "SetMemberShareHistory",
            on("memberShareHistory"),
        ),
        (
            "groups settings set 1@g.us disappearing-timer 90d",
            "SetDisappearingTimer",
            json!({ "session": "a", "groupId": G, "disappearingTimer": "7776000s" }),
        ),
    ]
}

fn people() -> Vec<Case> {
    let people = json!({ "session": "a", "groupId": G, "participantIds": ["+491", "7@lid"] });
    vec![
        ("groups participants add 1@g.us +491 7@lid", "AddParticipants", people.clone()),
        ("groups participants remove 1@g.us +491 7@lid", "RemoveParticipants", people.clone()),
        ("groups participants promote 1@g.us +491 7@lid", "PromoteParticipants", people.clone()),
        ("groups participants demote 1@g.us +491 7@lid", "DemoteParticipants", people.clone()),
        ("groups requests approve 1@g.us +491 7@lid", "ApproveJoinRequests", people.clone()),
        ("groups requests reject 1@g.us +491 7@lid", "RejectJoinRequests", people),
    ]
}

#[tokio::test]
async fn every_call_of_groups_has_a_command() {
    let cases = [reads(), changes(), settings(), people()].concat();
    let uncovered = check("GroupsService", "--session a", &cases).await;
    // A watch never ends with OK; src/cli/watch/tests.rs runs it.
    assert_eq!(uncovered, ["WatchGroupEvents"]);
}

#[tokio::test]
async fn a_private_invite_can_be_handed_on_as_it_was_printed() {
    let recorder = Recorder::default();
    let addr = recorder.serve().await;
    let invite = pb::PrivateInvite {
        code: "c".into(),
        group_id: G.into(),
        inviter: "7@lid".into(),
        expire_time: Some(prost_types::Timestamp { seconds: 1_764_000_000, nanos: 0 }),
    };
    let refused = pb::ParticipantResult {
        requested_id: "491@c.us".into(),
        status: ParticipantStatus::PrivacyInviteNeeded.into(),
        code: 403,
        private_invite: Some(invite),
        ..Default::default()
    };
    let answer = pb::AddParticipantsResponse { results: vec![refused], ..Default::default() };
    recorder.answer(&[answer], Status::ok(""));
    let add = format!("wagroups groups participants add {G} +491 --json --addr {addr}");
    let (ended, printed) = outcome(&add).await;
    assert_eq!(ended, ExitCode::from(6), "refused for one person");
    recorder.take();
    let printed: String = printed.split_whitespace().collect();
    let join = format!("wagroups groups join --private-invite {printed} --addr {addr}");
    assert_eq!(outcome(&join).await.0, ExitCode::SUCCESS);
    let calls = recorder.take();
    assert_eq!(
        calls[0].request["privateInvite"],
        json!({
            "code": "c", "groupId": G, "inviter": "7@lid", "expireTime": "2025-11-24T16:00:00Z",
        })
    );
}

#[tokio::test]
async fn a_deletion_says_how_far_it_is() {
    let recorder = Recorder::default();
    let line = format!("wagroups groups delete {G} --addr {}", recorder.serve().await);
    let far = |state: pb::DeletionState, removed_count, remaining_count| pb::DeleteGroupResponse {
        state: state.into(),
        removed_count,
        remaining_count,
        ..Default::default()
    };
    recorder.answer(&[far(pb::DeletionState::Completed, 3, 0)], Status::ok(""));
    let (ended, printed) = outcome(&line).await;
    assert_eq!(ended, ExitCode::SUCCESS);
    assert_eq!(printed, format!("deleted {G}: 3 members removed, and we have left\n"));
    recorder.answer(&[far(pb::DeletionState::Running, 1, 2)], Status::ok(""));
    let (ended, printed) = outcome(&format!("{line} --no-wait")).await;
    assert_eq!(ended, ExitCode::SUCCESS);
    assert_eq!(printed, format!("deleting {G}: 1 of 3 members removed so far\n"));
    let ids: Vec<_> = recorder.take().into_iter().map(|call| call.request_id).collect();
    assert_ne!(ids[0], ids[1], "two commands are two requests");
}
