//! Each command beside the call of SimulatorService that it makes.

use serde_json::json;

use super::recorder::{Case, check};

const G: &str = "1@g.us";
const ANN: &str = "+491";

fn calls() -> Vec<Case> {
    vec![
        (
            "simulator account put +491 --lid 7@lid --name Ann --not-on-whatsapp --add-privacy contacts --contact +492 --blocked +493",
            "PutAccount",
            json!({ "account": {
                "phoneNumberId": ANN, "lid": "7@lid", "pushName": "Ann", "notOnWhatsapp": true,
                "addPrivacy": "ADD_PRIVACY_CONTACTS", "contactIds": ["+492"],
                "blockedIds": ["+493"],
            }, "updateMask": "pushName,notOnWhatsapp,addPrivacy,contactIds,blockedIds" }),
        ),
        (
            "simulator account put +491 --not-on-whatsapp=false --no-blocked",
            "PutAccount",
            json!({
                "account": { "phoneNumberId": ANN }, "updateMask": "notOnWhatsapp,blockedIds",
            }),
        ),
        ("simulator account get +491", "GetAccount", json!({ "id": ANN })),
        (
            "simulator fault clear f1 f2 --session a",
            "ClearFaults",
            json!({ "faultIds": ["f1", "f2"], "session": "a" }),
        ),
        ("simulator fault clear", "ClearFaults", json!({ "all": true })),
        (
            "simulator group get 1@g.us --viewer +491",
            "GetWorldGroup",
            json!({ "groupId": G, "viewerId": ANN }),
        ),
        (
            "simulator group list --member +491 --page-size 5",
            "ListWorldGroups",
            json!({ "memberId": ANN, "pageSize": 5 }),
        ),
        (
            "simulator calls --session a --operation FetchAll --applied",
            "ListCalls",
            json!({ "session": "a", "operation": "FetchAll", "appliedOnly": true }),
        ),
        ("simulator stats --session a", "GetStatistics", json!({ "session": "a" })),
        (
            "simulator replay a --count 3 --reverse",
            "ReplayNotifications",
            json!({ "session": "a", "count": 3, "reverse": true }),
        ),
        ("simulator link a", "LinkDevice", json!({ "session": "a" })),
    ]
}

fn acts() -> Vec<Case> {
    let people = json!({ "participantIds": ["+492", "+493"] });
    let act = |action: &str, body: serde_json::Value| {
        json!({
            "actor": ANN, "groupId": G, action: body,
        })
    };
    vec![
        (
            "simulator act create-group +491 Team +492 --force",
            "Act",
            json!({ "actor": ANN, "force": true, "createGroup": {
                "subject": "Team", "participantIds": ["+492"],
                "addressingMode": "ADDRESSING_MODE_LID",
            }}),
        ),
        (
            "simulator act join-by-invite +491 AbC",
            "Act",
            json!({ "actor": ANN, "joinByInvite": { "inviteCode": "AbC" } }),
        ),
        (
            "simulator act accept-private-invite +491 {\"code\":\"c\"}",
            "Act",
            json!({ "actor": ANN, "acceptPrivateInvite": { "privateInvite": { "code": "c" } } }),
        ),
        ("simulator act walk-in +491 1@g.us", "Act", act("walkIn", json!({}))),
        ("simulator act leave +491 1@g.us", "Act", act("leave", json!({}))),
        (
            "simulator act add-participants +491 1@g.us +492 +493",
            "Act",
            act("addParticipants", people.clone()),
        ),
        (
            "simulator act remove-participants +491 1@g.us +492 +493",
            "Act",
            act("removeParticipants", people.clone()),
        ),
        (
            "simulator act promote-participants +491 1@g.us +492 +493",
            "Act",
            act("promoteParticipants", people.clone()),
        ),
        (
            "simulator act demote-participants +491 1@g.us +492 +493",
            "Act",
            act("demoteParticipants", people.clone()),
        ),
        (
            "simulator act change-subject +491 1@g.us New",
            "Act",
            act("changeSubject", json!({ "subject": "New" })),
        ),
        (
            "simulator act change-description +491 1@g.us Long",
            "Act",
            act("changeDescription", json!({ "description": "Long" })),
        ),
        (
            "simulator act change-settings +491 1@g.us --member-add-mode admins --membership-approval on --disappearing-timer 7d",
            "Act",
            act(
                "changeSettings",
                json!({
                    "memberAddMode": "MEMBER_ADD_MODE_ADMINS", "membershipApproval": true,
                    "disappearingTimer": "604800s",
                }),
            ),
        ),
        (
            "simulator act change-picture +491 1@g.us --remove",
            "Act",
            act("changePicture", json!({ "data": "" })),
        ),
        ("simulator act revoke-invite +491 1@g.us", "Act", act("revokeInvite", json!({}))),
        ("simulator act request-to-join +491 1@g.us", "Act", act("requestToJoin", json!({}))),
        (
            "simulator act cancel-join-request +491 1@g.us",
            "Act",
            act("cancelJoinRequest", json!({})),
        ),
        (
            "simulator act approve-join-requests +491 1@g.us +492 +493",
            "Act",
            act("approveJoinRequests", people.clone()),
        ),
        (
            "simulator act reject-join-requests +491 1@g.us +492 +493",
            "Act",
            act("rejectJoinRequests", people),
        ),
        (
            "simulator act change-number +491 +499",
            "Act",
            json!({ "actor": ANN, "changeNumber": { "newPhoneNumber": "+499" } }),
        ),
        ("simulator act suspend +491 1@g.us", "Act", act("suspend", json!({ "suspended": true }))),
        (
            "simulator act suspend +491 1@g.us --lift",
            "Act",
            act("suspend", json!({ "suspended": false })),
        ),
        ("simulator act migrate-to-lid +491 1@g.us", "Act", act("migrateToLid", json!({}))),
        (
            "simulator act place-in-community +491 1@g.us --kind announcement --parent 2@g.us",
            "Act",
            act(
                "placeInCommunity",
                json!({ "kind": "GROUP_KIND_ANNOUNCEMENT", "parentGroupId": "2@g.us" }),
            ),
        ),
    ]
}

fn faults() -> Vec<Case> {
    let fault = |kind: &str, body: serde_json::Value| json!({ "uses": 1, kind: body });
    let hour = json!({ "duration": "3600s" });
    vec![
        (
            "simulator fault inject --session a --operation AddParticipants --uses -1 latency 1h",
            "InjectFault",
            json!({
                "session": "a", "operations": ["AddParticipants"], "uses": -1, "latency": hour,
            }),
        ),
        (
            "simulator fault inject hang --point after-apply",
            "InjectFault",
            fault("hang", json!({ "point": "FAULT_POINT_AFTER_APPLY" })),
        ),
        (
            "simulator fault inject rate-limit 1h",
            "InjectFault",
            fault("rateLimit", json!({ "backoff": "3600s" })),
        ),
        (
            "simulator fault inject drop-connection",
            "InjectFault",
            fault("dropConnection", json!({ "point": "FAULT_POINT_BEFORE_APPLY" })),
        ),
        (
            "simulator fault inject refuse 403 no",
            "InjectFault",
            fault("refuse", json!({ "code": 403, "text": "no" })),
        ),
        (
            "simulator fault inject duplicate-notifications 3",
            "InjectFault",
            fault("duplicateNotifications", json!({ "count": 3 })),
        ),
        (
            "simulator fault inject reorder-notifications",
            "InjectFault",
            fault("reorderNotifications", json!({ "window": 2 })),
        ),
        (
            "simulator fault inject lose-notifications",
            "InjectFault",
            fault("loseNotifications", json!({})),
        ),
        (
            "simulator fault inject delay-notifications 1h",
            "InjectFault",
            fault("delayNotifications", hour.clone()),
        ),
        (
            "simulator fault inject snapshot missing-groups --percent 40",
            "InjectFault",
            fault(
                "snapshot",
                json!({
                    "defect": "SNAPSHOT_DEFECT_MISSING_GROUPS", "percent": 40,
                }),
            ),
        ),
        ("simulator fault inject disconnect 1h", "InjectFault", fault("disconnect", hour)),
        ("simulator fault inject logout", "InjectFault", fault("logout", json!({}))),
    ]
}

#[tokio::test]
async fn every_call_of_the_simulator_has_a_command() {
    let cases = [calls(), acts(), faults()].concat();
    assert!(check("SimulatorService", "", &cases).await.is_empty());
}
