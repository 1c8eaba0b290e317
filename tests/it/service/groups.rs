//! What each operation does, as a client sees it.

use prost::Message;
use wagroups::pb;

use super::on_each_database;
use crate::harness::service::{Service, reason};

on_each_database!(
    a_created_group_is_answered_whole_and_logged_once,
    people_are_added_removed_promoted_and_demoted_with_a_result_each,
    subject_and_description_change_once_and_say_so,
    a_group_that_was_left_is_gone_and_stays_in_the_log,
    what_others_do_becomes_events,
    two_sessions_see_each_others_changes,
    lists_page_through_all_groups_in_every_order,
    participants_page_through_all_members,
);

fn participants_request(group_id: &str, people: &[&str]) -> pb::AddParticipantsRequest {
    pb::AddParticipantsRequest {
        session: "default".into(),
        group_id: group_id.into(),
        participant_ids: people.iter().map(|id| (*id).to_owned()).collect(),
        ..Default::default()
    }
}

async fn a_created_group_is_answered_whole_and_logged_once(service: Service) {
    let created =
        service.create_group("Team", &["+49 151 000 00001", "4915100000002@s.whatsapp.net"]).await;
    let group = created.group.expect("a group");
    assert!(created.changed);
    assert_eq!(created.sequence, 1);
    assert_eq!(group.subject, "Team");
    assert_eq!(group.member_count, 3);
    assert_eq!(group.participants.len(), 3);
    assert_eq!(group.my_role(), pb::Role::Superadmin);
    let statuses: Vec<_> = created.results.iter().map(pb::ParticipantResult::status).collect();
    assert_eq!(statuses, [pb::ParticipantStatus::Ok; 2]);
    assert_eq!(created.results[0].requested_id, "4915100000001@c.us");

    let read = service.get_group(&group.id, created.sequence).await.expect("the group");
    assert_eq!(read, group);
    let log = service.log("default").await;
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0].r#type(), pb::EventType::Joined);
    assert_eq!(log[0].origin(), pb::Origin::Api);
    assert_eq!(log[0].sequence, 1);
}

async fn people_are_added_removed_promoted_and_demoted_with_a_result_each(service: Service) {
    let id = service.group_id("Team", &["4915100000001"]).await;
    let request = participants_request(
        &id,
        &["4915100000002", "4915100000001", "4915100000404", "4915100000403", "4915100000401"],
    );
    let added = service.groups().add_participants(request).await.expect("added").into_inner();
    let statuses: Vec<_> = added.results.iter().map(pb::ParticipantResult::status).collect();
    assert_eq!(
        statuses,
        [
            pb::ParticipantStatus::Ok,
            pb::ParticipantStatus::AlreadyMember,
            pb::ParticipantStatus::NotOnWhatsapp,
            pb::ParticipantStatus::PrivacyInviteNeeded,
            pb::ParticipantStatus::Blocked,
        ]
    );
    let invite = added.results[3].private_invite.as_ref().expect("a private invite");
    assert_eq!(invite.group_id, id);
    assert!(!invite.code.is_empty() && invite.expire_time.is_some());
    assert!(added.changed);

    let people = vec!["4915100000002".to_owned()];
    let promoted = service
        .groups()
        .promote_participants(pb::PromoteParticipantsRequest {
            session: "default".into(),
            group_id: id.clone(),
            participant_ids: people.clone(),
            ..Default::default()
        })
        .await
        .expect("promoted")
        .into_inner();
    assert!(promoted.changed && promoted.sequence == added.sequence + 1);
    let demoted = service
        .groups()
        .demote_participants(pb::DemoteParticipantsRequest {
            session: "default".into(),
            group_id: id.clone(),
            participant_ids: people.clone(),
            ..Default::default()
        })
        .await
        .expect("demoted")
        .into_inner();
    assert!(demoted.changed);
    let removed = service
        .groups()
        .remove_participants(pb::RemoveParticipantsRequest {
            session: "default".into(),
            group_id: id.clone(),
            participant_ids: vec!["4915100000002".to_owned(), "4915100000099".to_owned()],
            ..Default::default()
        })
        .await
        .expect("removed")
        .into_inner();
    let statuses: Vec<_> = removed.results.iter().map(pb::ParticipantResult::status).collect();
    assert_eq!(statuses, [pb::ParticipantStatus::Ok, pb::ParticipantStatus::NotMember]);

    let actions: Vec<_> = service
        .log("default")
        .await
        .into_iter()
        .filter_map(|event| match event.body? {
            pb::group_event::Body::ParticipantsChanged(changed) => Some(changed.action()),
            _ => None,
        })
        .collect();
    assert_eq!(
        actions,
        [
            pb::ParticipantAction::Join,
            pb::ParticipantAction::Promote,
            pb::ParticipantAction::Demote,
            pb::ParticipantAction::Leave,
        ]
    );
}

async fn subject_and_description_change_once_and_say_so(service: Service) {
    let id = service.group_id("Team", &[]).await;
    let set = |subject: &str| pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: id.clone(),
        subject: subject.into(),
        ..Default::default()
    };
    let first = service.groups().set_group_subject(set("Crew")).await.expect("set").into_inner();
    assert!(first.changed);
    assert_eq!(first.group.expect("a group").subject, "Crew");
    let again = service.groups().set_group_subject(set("Crew")).await.expect("set").into_inner();
    assert!(!again.changed);
    assert_eq!(again.sequence, first.sequence);

    let described = service
        .groups()
        .set_group_description(pb::SetGroupDescriptionRequest {
            session: "default".into(),
            group_id: id.clone(),
            description: Some("What we do\nand when".into()),
            ..Default::default()
        })
        .await
        .expect("described")
        .into_inner();
    let group = described.group.expect("a group");
    assert_eq!(group.description, "What we do\nand when");
    assert!(!group.description_id.is_empty());
    let conflict = service
        .groups()
        .set_group_description(pb::SetGroupDescriptionRequest {
            session: "default".into(),
            group_id: id.clone(),
            description: Some("Later".into()),
            expected_description_id: "another".into(),
            ..Default::default()
        })
        .await
        .expect_err("a conflict");
    assert_eq!(reason(&conflict), "DESCRIPTION_CONFLICT");
    assert_eq!(
        service.get_group(&id, 0).await.expect("the group").description,
        "What we do\nand when"
    );
}

async fn a_group_that_was_left_is_gone_and_stays_in_the_log(service: Service) {
    let id = service.group_id("Team", &["4915100000001"]).await;
    let request = pb::LeaveGroupRequest {
        session: "default".into(),
        group_id: id.clone(),
        ..Default::default()
    };
    let left = service.groups().leave_group(request).await.expect("left").into_inner();
    assert!(left.changed);
    let gone = service.get_group(&id, left.sequence).await.expect_err("gone");
    assert_eq!(reason(&gone), "GROUP_NOT_FOUND");
    let log = service.log("default").await;
    assert_eq!(log.last().expect("an event").r#type(), pb::EventType::Left);
    let count = pb::CountGroupsRequest { session: "default".into(), ..Default::default() };
    assert_eq!(service.groups().count_groups(count).await.expect("a count").into_inner().count, 0);
}

async fn act(service: &Service, actor: &str, group_id: &str, action: pb::act_request::Action) {
    let request = pb::ActRequest {
        actor: actor.into(),
        group_id: group_id.into(),
        force: false,
        action: Some(action),
    };
    service.simulator().act(request).await.expect("the script acts");
}

async fn what_others_do_becomes_events(service: Service) {
    use pb::act_request::Action;
    service.until_compared("default").await;
    let id = service.group_id("Team", &["4915100000001"]).await;
    act(&service, "4915100000077", &id, Action::WalkIn(pb::WalkInAction {})).await;
    act(
        &service,
        "4915100000001",
        &id,
        Action::ChangeSubject(pb::ChangeSubjectAction { subject: "Theirs".into() }),
    )
    .await;
    act(&service, "4915100000077", &id, Action::Leave(pb::LeaveAction {})).await;
    let log = crate::harness::service::eventually("their changes are logged", || async {
        let log = service.log("default").await;
        (log.len() >= 4).then_some(log)
    })
    .await;
    assert_eq!(log.len(), 4, "{log:?}");
    assert!(log[1..].iter().all(|event| event.origin() == pb::Origin::Engine));
    assert_eq!(service.get_group(&id, 4).await.expect("the group").subject, "Theirs");
}

async fn two_sessions_see_each_others_changes(service: Service) {
    service.create_session("second").await;
    let second = service
        .sessions()
        .get_session(pb::GetSessionRequest { session: "second".into() })
        .await
        .expect("the session")
        .into_inner();
    let account = second.session.and_then(|session| session.account).expect("an account");
    let id = service.group_id("Both", &[&account.phone_number_id]).await;
    let seen =
        crate::harness::service::eventually("the second session is in the group", || async {
            let request = pb::GetGroupRequest {
                session: "second".into(),
                group_id: id.clone(),
                ..Default::default()
            };
            service.groups().get_group(request).await.ok()
        })
        .await
        .into_inner();
    let seen = pb::Group::decode(seen.group).expect("a group");
    assert_eq!(seen.subject, "Both");
    assert_eq!(seen.my_role(), pb::Role::Participant);
    assert_eq!(service.log("second").await.len(), 1);
}

async fn lists_page_through_all_groups_in_every_order(service: Service) {
    for n in 0..7 {
        let people: Vec<String> = (0..n % 3).map(|p| format!("49151000001{p:02}")).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        service.create_group(&format!("Group {}", (n * 5) % 7), &people).await;
    }
    for order in [
        pb::GroupOrder::Id,
        pb::GroupOrder::Subject,
        pb::GroupOrder::CreateTime,
        pb::GroupOrder::MemberCount,
    ] {
        for descending in [false, true] {
            let mut seen = Vec::new();
            let mut page_token = String::new();
            loop {
                let request = pb::ListGroupsRequest {
                    session: "default".into(),
                    page_size: 2,
                    page_token,
                    order_by: order.into(),
                    descending,
                    ..Default::default()
                };
                let page =
                    service.groups().list_groups(request).await.expect("a page").into_inner();
                for bytes in page.groups {
                    seen.push(pb::Group::decode(bytes).expect("a group"));
                }
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            assert_eq!(seen.len(), 7, "{order:?} {descending}");
            let sorted = |a: &pb::Group, b: &pb::Group| match order {
                pb::GroupOrder::Subject => a.subject <= b.subject,
                pb::GroupOrder::MemberCount => a.member_count <= b.member_count,
                pb::GroupOrder::CreateTime => {
                    let key = |g: &pb::Group| g.create_time.map(|t| (t.seconds, t.nanos));
                    key(a) <= key(b)
                }
                _ => a.id <= b.id,
            };
            let in_order = seen
                .windows(2)
                .all(|w| if descending { sorted(&w[1], &w[0]) } else { sorted(&w[0], &w[1]) });
            assert!(in_order, "{order:?} {descending}");
            assert!(
                seen.iter().all(|group| group.participants.is_empty()),
                "the view is BASIC by default"
            );
        }
    }
    let filtered = pb::ListGroupsRequest {
        session: "default".into(),
        filter: Some(pb::GroupFilter { subject_contains: "gROUP 3".into(), ..Default::default() }),
        view: pb::GroupView::Full.into(),
        ..Default::default()
    };
    let page = service.groups().list_groups(filtered).await.expect("a page").into_inner();
    assert_eq!(page.groups.len(), 1);
    let group = pb::Group::decode(page.groups[0].clone()).expect("a group");
    assert_eq!(i32::try_from(group.participants.len()).expect("small"), group.member_count);
}

async fn participants_page_through_all_members(service: Service) {
    let people: Vec<String> = (0..9).map(|p| format!("4915100002{p:02}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let id = service.group_id("Team", &people).await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListParticipantsRequest {
            session: "default".into(),
            group_id: id.clone(),
            page_size: 4,
            page_token,
            ..Default::default()
        };
        let page = service.groups().list_participants(request).await.expect("a page").into_inner();
        assert_eq!(page.member_count, 10);
        seen.extend(page.participants.into_iter().map(|participant| participant.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10);
}
