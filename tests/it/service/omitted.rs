//! What a request leaves out never acts: a value whose default would change something has to be said.

use prost_reflect::{DescriptorPool, Kind};
use tonic::Status;
use wagroups::pb;
use wagroups::pb::act_request::Action;

use super::on_each_database;
use crate::harness::service::{Service, reason, violated_fields};

on_each_database!(
    no_setting_is_changed_by_what_is_left_out,
    nobody_in_the_simulator_acts_by_what_is_left_out,
    labels_are_changed_one_by_one,
    a_session_that_was_changed_meanwhile_is_not_changed,
);

fn refused(what: &str, field: &str, answer: Result<(), Status>) {
    let status = answer.expect_err(what);
    assert_eq!(reason(&status), "INVALID_REQUEST", "{what}");
    assert_eq!(violated_fields(&status), [field], "{what}");
}

async fn no_setting_is_changed_by_what_is_left_out(service: Service) {
    let mut groups = service.groups();
    let settings = pb::GroupSettings {
        info_admin_only: true,
        messages_admin_only: true,
        member_add_mode: pb::MemberAddMode::Admins.into(),
        membership_approval: true,
        member_share_history: true,
        disappearing_timer: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
    };
    let create = pb::CreateGroupRequest {
        session: "default".into(),
        subject: "Locked".into(),
        description: "Said".into(),
        settings: Some(settings),
        ..Default::default()
    };
    let made = groups.create_group(create).await.expect("a group").into_inner();
    let group_id = made.group.expect("a group").id;
    macro_rules! omitted {
        ($($method:ident: $request:ident, $field:literal;)+) => {
            $(let request = pb::$request {
                session: "default".into(),
                group_id: group_id.clone(),
                ..Default::default()
            };
            refused(stringify!($method), $field, groups.$method(request).await.map(drop));)+
        };
    }
    omitted! {
        set_group_subject: SetGroupSubjectRequest, "subject";
        set_group_description: SetGroupDescriptionRequest, "description";
        set_group_picture: SetGroupPictureRequest, "source";
        set_info_admin_only: SetInfoAdminOnlyRequest, "info_admin_only";
        set_messages_admin_only: SetMessagesAdminOnlyRequest, "messages_admin_only";
        set_member_add_mode: SetMemberAddModeRequest, "member_add_mode";
        set_membership_approval: SetMembershipApprovalRequest, "membership_approval";
        set_member_share_history: SetMemberShareHistoryRequest, "member_share_history";
        set_disappearing_timer: SetDisappearingTimerRequest, "disappearing_timer";
    }
    let replay = pb::ReplayWebhookRequest {
        webhook_id: "whk_01m0xx31cj9qweg9zxaf51mbp9".into(),
        start: None,
    };
    let replay = service.webhooks().replay_webhook(replay).await.map(drop);
    refused("ReplayWebhook", "start", replay);
    let now = service.get_group(&group_id, 0).await.expect("the group");
    assert_eq!((now.settings, now.description.as_str()), (Some(settings), "Said"));

    // Off is said.
    let off = pb::SetInfoAdminOnlyRequest {
        session: "default".into(),
        group_id: group_id.clone(),
        info_admin_only: Some(false),
        ..Default::default()
    };
    assert!(groups.set_info_admin_only(off).await.expect("unlocked").into_inner().changed);
    let stay = pb::SetDisappearingTimerRequest {
        session: "default".into(),
        group_id: group_id.clone(),
        disappearing_timer: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    assert!(groups.set_disappearing_timer(stay).await.expect("messages stay").into_inner().changed);
    let empty = pb::SetGroupDescriptionRequest {
        session: "default".into(),
        group_id,
        description: Some(String::new()),
        ..Default::default()
    };
    assert!(groups.set_group_description(empty).await.expect("removed").into_inner().changed);
}

/// Of each Set call in the contract: what it sets has presence, or a default that is refused by name above.
#[test]
fn every_set_call_tells_what_is_omitted_from_a_default() {
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let service = contract.get_service_by_name("wagroups.v1.GroupsService").expect("the service");
    let known = ["session", "group_id", "request_id", "expected_description_id"];
    let mut seen = 0;
    for method in service.methods().filter(|method| method.name().starts_with("Set")) {
        for field in method.input().fields().filter(|field| !known.contains(&field.name())) {
            seen += 1;
            let refuses_default = matches!(field.name(), "subject" | "member_add_mode");
            assert!(
                field.supports_presence() || refuses_default,
                "{}: omitted, {} would act",
                method.name(),
                field.name()
            );
        }
    }
    assert!(seen >= 10, "{seen}");
    let message = contract.get_message_by_name("wagroups.v1.GroupUpdated").expect("the message");
    assert!(message.fields().all(|field| field.kind() != Kind::Bool));
    for message in contract.all_messages() {
        let news = message.fields().filter(|field| ["new", "old"].contains(&field.name()));
        assert_eq!(news.count(), 0, "{}", message.full_name());
    }
}

async fn nobody_in_the_simulator_acts_by_what_is_left_out(service: Service) {
    let group_id = service.group_id("Team", &["+4915120000001"]).await;
    let owner = service.get_group(&group_id, 0).await.expect("the group").owner;
    let act = async |action: Action| {
        let request = pb::ActRequest {
            actor: owner.clone(),
            group_id: group_id.clone(),
            force: false,
            action: Some(action),
        };
        service.simulator().act(request).await.map(drop)
    };
    let said = pb::ChangeDescriptionAction { description: Some("Said".into()) };
    act(Action::ChangeDescription(said)).await.expect("described");
    let community = "120363999999999999@g.us";
    let place = pb::PlaceInCommunityAction {
        kind: pb::GroupKind::Announcement.into(),
        parent_group_id: Some(community.into()),
    };
    act(Action::PlaceInCommunity(place)).await.expect("placed");
    act(Action::Suspend(pb::SuspendAction { suspended: Some(true) })).await.expect("suspended");
    for (field, action) in [
        ("change_description.description", Action::ChangeDescription(Default::default())),
        ("change_picture.data", Action::ChangePicture(Default::default())),
        ("suspend.suspended", Action::Suspend(Default::default())),
        ("place_in_community", Action::PlaceInCommunity(Default::default())),
    ] {
        refused(field, field, act(action).await);
    }
    let kind =
        pb::PlaceInCommunityAction { kind: pb::GroupKind::Ordinary.into(), parent_group_id: None };
    act(Action::PlaceInCommunity(kind)).await.expect("an ordinary group of the community");
    let request = pb::GetWorldGroupRequest { group_id, viewer_id: String::new() };
    let world = service.simulator().get_world_group(request).await.expect("a group").into_inner();
    let group = world.group.expect("a group");
    assert_eq!((group.description.as_str(), group.suspended), ("Said", true));
    assert_eq!(group.parent_group_id, community);

    let mut simulator = service.simulator();
    let nothing = simulator.clear_faults(pb::ClearFaultsRequest::default()).await.map(drop);
    refused("ClearFaults of nothing", "fault_ids", nothing);
    let all = pb::ClearFaultsRequest { all: true, ..Default::default() };
    simulator.clear_faults(all).await.expect("all are cleared");

    // An account keeps what is not given, and loses what is named and empty.
    let mut put = async |account: pb::SimulatorAccount, paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = (!paths.is_empty()).then_some(prost_types::FieldMask { paths });
        let account = pb::SimulatorAccount { phone_number_id: "+4915120000077".into(), ..account };
        let request = pb::PutAccountRequest { account: Some(account), update_mask };
        let answer = simulator.put_account(request).await.expect("an account").into_inner();
        let put = answer.account.expect("an account");
        (put.push_name.clone(), put.add_privacy(), put.blocked_ids.len(), put.not_on_whatsapp)
    };
    let shy = pb::SimulatorAccount {
        add_privacy: pb::AddPrivacy::Nobody.into(),
        blocked_ids: vec!["+4915120000078".into()],
        not_on_whatsapp: true,
        ..Default::default()
    };
    put(shy, &[]).await;
    let named = pb::SimulatorAccount { push_name: "Ann".into(), ..Default::default() };
    assert_eq!(put(named, &[]).await, ("Ann".to_owned(), pb::AddPrivacy::Nobody, 1, true));
    let open = put(Default::default(), &["blocked_ids", "not_on_whatsapp"]).await;
    assert_eq!(open, ("Ann".to_owned(), pb::AddPrivacy::Nobody, 0, false));
}

fn labels(pairs: &[(&str, &str)]) -> std::collections::HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn labels_are_changed_one_by_one(service: Service) {
    let mut sessions = service.sessions();
    let mut update = async |request: pb::UpdateSessionRequest| {
        let request = pb::UpdateSessionRequest { session: "default".into(), ..request };
        let answer = sessions.update_session(request).await?.into_inner();
        let metadata = answer.session.expect("a session").metadata;
        Ok::<_, Status>((answer.changed, metadata))
    };
    let set = |pairs, remove: &[&str]| pb::UpdateSessionRequest {
        set_metadata: labels(pairs),
        remove_metadata: remove.iter().map(|key| (*key).to_owned()).collect(),
        ..Default::default()
    };
    update(set(&[("team", "sales"), ("tier", "1")], &[])).await.expect("two labels");
    let merged = update(set(&[("tier", "2")], &[])).await.expect("one more");
    assert_eq!(merged, (true, labels(&[("team", "sales"), ("tier", "2")])));
    let again = update(set(&[("tier", "2")], &["never"])).await.expect("nothing to do");
    assert!(!again.0);
    let removed = update(set(&[("city", "Jena")], &["team"])).await.expect("one for another");
    assert_eq!(removed, (true, labels(&[("tier", "2"), ("city", "Jena")])));
    let mask = Some(prost_types::FieldMask { paths: vec!["metadata".to_owned()] });
    let both = pb::UpdateSessionRequest { update_mask: mask.clone(), ..set(&[("a", "b")], &[]) };
    refused("replaced and merged", "set_metadata", update(both).await.map(drop));
    let many: Vec<_> = (0..31).map(|number| (format!("label-{number}"), String::new())).collect();
    let many =
        pb::UpdateSessionRequest { set_metadata: many.into_iter().collect(), ..set(&[], &[]) };
    refused("33 labels in the end", "set_metadata", update(many).await.map(drop));
    let replaced = pb::UpdateSessionRequest {
        update_mask: mask,
        metadata: labels(&[("only", "this")]),
        ..Default::default()
    };
    let replaced = update(replaced).await.expect("replaced");
    assert_eq!(replaced, (true, labels(&[("only", "this")])));
}

async fn a_session_that_was_changed_meanwhile_is_not_changed(service: Service) {
    let mut sessions = service.sessions();
    let get = pb::GetSessionRequest { session: "default".into() };
    let read = sessions.get_session(get).await.expect("a session").into_inner();
    let etag = read.session.expect("a session").etag;
    assert!(!etag.is_empty() && etag.len() <= 64);
    let update = |etag: &str, value: &str| pb::UpdateSessionRequest {
        session: "default".into(),
        set_metadata: labels(&[("team", value)]),
        expected_etag: etag.to_owned(),
        ..Default::default()
    };
    let first = sessions.update_session(update(&etag, "sales")).await.expect("the first");
    let now = first.into_inner().session.expect("a session");
    let lost = sessions.update_session(update(&etag, "support")).await.expect_err("a lost update");
    assert_eq!(reason(&lost), "SESSION_CONFLICT");
    let next = sessions.update_session(update(&now.etag, "support")).await.expect("the next");
    let metadata = next.into_inner().session.expect("a session").metadata;
    assert_eq!(metadata, labels(&[("team", "support")]));
}
