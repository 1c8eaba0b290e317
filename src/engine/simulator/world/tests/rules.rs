use super::super::{
    AccountSettings, AddPrivacy, GroupUpdate, Operation, PRIVATE_INVITE_LIFE, RECENTLY, Refusal,
    World, numbers,
};
use super::{ALICE, BOB, CAROL, DAVE, act, at, describe, group_of, id, phone, session, world};
use crate::domain::event::MemberAction;
use crate::domain::group::{AddressingMode, GroupKind, GroupSettings, MemberAddMode};
use crate::domain::id::GroupId;
use crate::domain::participant::{ParticipantStatus, Role};
use crate::domain::port::engine::RequestedAccount;
use crate::domain::setting::Setting;

fn roles(world: &World, group_id: &GroupId) -> Vec<(u64, Role)> {
    world.group(group_id).unwrap().core.members.0.iter().map(|(p, m)| (p.get(), m.role)).collect()
}

type CodedStatuses = Vec<(ParticipantStatus, u32)>;

fn verdicts(world: &mut World, second: i64, actor: u64, operation: Operation) -> CodedStatuses {
    let done = act(world, second, actor, operation).unwrap();
    done.results.iter().map(|result| (result.status, result.code)).collect()
}

#[test]
fn adding_has_a_verdict_for_each() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB, CAROL]);
    act(&mut world, 1, CAROL, Operation::Leave(group.clone())).unwrap();
    let shy = 4_915_100_000_777;
    let settings = AccountSettings {
        add_privacy: AddPrivacy::Contacts,
        contacts: [phone(BOB)].into(),
        ..AccountSettings::default()
    };
    world.set_account(phone(shy), settings);
    let hostile = 4_915_100_000_778;
    let settings = AccountSettings { blocked: [phone(ALICE)].into(), ..AccountSettings::default() };
    world.set_account(phone(hostile), settings);
    let nobody = "12345@lid".parse().unwrap();
    let people = vec![
        id(DAVE),
        id(DAVE),
        id(BOB),
        id(CAROL),
        id(shy),
        id(hostile),
        nobody,
        id(4_915_100_010_401),
        id(4_915_100_010_403),
        id(4_915_100_010_404),
        id(4_915_100_010_408),
    ];
    let done = act(&mut world, 2, ALICE, Operation::Add(group.clone(), people.clone())).unwrap();
    let expected = [
        (ParticipantStatus::Ok, 200),
        (ParticipantStatus::AlreadyMember, 409),
        (ParticipantStatus::AlreadyMember, 409),
        (ParticipantStatus::RecentlyLeft, 408),
        (ParticipantStatus::PrivacyInviteNeeded, 403),
        (ParticipantStatus::Blocked, 401),
        (ParticipantStatus::NotOnWhatsapp, 404),
        (ParticipantStatus::Blocked, 401),
        (ParticipantStatus::PrivacyInviteNeeded, 403),
        (ParticipantStatus::NotOnWhatsapp, 404),
        (ParticipantStatus::RecentlyLeft, 408),
    ];
    for ((result, expected), requested) in done.results.iter().zip(expected).zip(&people) {
        assert_eq!((result.status, result.code), expected, "{requested}");
        assert_eq!(result.requested, *requested);
        assert_eq!(result.private_invite.is_some(), expected.1 == 403, "{requested}");
    }
    let invite = done.results[4].private_invite.as_ref().unwrap();
    assert_eq!(invite.expire_time, at(2) + PRIVATE_INVITE_LIFE);
    // Bob is among the shy one's contacts.
    let added = verdicts(&mut world, 3, BOB, Operation::Add(group.clone(), vec![id(shy)]));
    assert_eq!(added, [(ParticipantStatus::Ok, 200)]);
    // A member is also known by the hidden id.
    let by_lid = numbers::names(phone(DAVE)).id();
    let again = verdicts(&mut world, 4, ALICE, Operation::Add(group, vec![by_lid]));
    assert_eq!(again, [(ParticipantStatus::AlreadyMember, 409)]);
}

#[test]
fn who_left_can_be_added_again_after_a_while_and_who_was_removed_at_once() {
    let mut world = world();
    let group = group_of(&mut world, &[CAROL, DAVE]);
    act(&mut world, 1, CAROL, Operation::Leave(group.clone())).unwrap();
    act(&mut world, 1, ALICE, Operation::Remove(group.clone(), vec![id(DAVE)])).unwrap();
    let add = Operation::Add(group.clone(), vec![id(CAROL), id(DAVE)]);
    let at_once = verdicts(&mut world, 2, ALICE, add);
    assert_eq!(at_once, [(ParticipantStatus::RecentlyLeft, 408), (ParticipantStatus::Ok, 200)]);
    let later = i64::try_from(RECENTLY.as_secs()).unwrap() + 2;
    let add = Operation::Add(group, vec![id(CAROL)]);
    assert_eq!(verdicts(&mut world, later, ALICE, add), [(ParticipantStatus::Ok, 200)]);
}

#[test]
fn a_full_group_takes_nobody() {
    let mut world = world();
    let crowd: Vec<u64> = (0..1_023).map(|n| 4_917_000_100_000 + n * 10_000).collect();
    let group = group_of(&mut world, &crowd);
    assert_eq!(world.group(&group).unwrap().core.members.0.len(), 1_024);
    let add = Operation::Add(group.clone(), vec![id(BOB)]);
    assert_eq!(verdicts(&mut world, 1, ALICE, add), [(ParticipantStatus::GroupFull, 419)]);
    let code = world.group(&group).unwrap().invite_code.clone();
    let joining = act(&mut world, 2, BOB, Operation::JoinByInvite(code));
    assert_eq!(joining, Err(Refusal::GroupFull(group)));
}

#[test]
fn ranks_follow_the_rules() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB, CAROL, DAVE]);
    let promote = Operation::Promote(group.clone(), vec![id(BOB), id(BOB), id(ALICE), id(77_777)]);
    let ok = (ParticipantStatus::Ok, 200);
    let not_member = (ParticipantStatus::NotMember, 404);
    assert_eq!(verdicts(&mut world, 1, ALICE, promote), [ok, ok, ok, not_member]);
    let demote = Operation::Demote(group.clone(), vec![id(ALICE), id(CAROL)]);
    let not_allowed = (ParticipantStatus::NotAllowed, 406);
    assert_eq!(verdicts(&mut world, 2, BOB, demote), [not_allowed, ok]);
    let remove = Operation::Remove(group.clone(), vec![id(ALICE), id(BOB), id(DAVE), id(77_777)]);
    assert_eq!(verdicts(&mut world, 3, BOB, remove), [not_allowed, not_allowed, ok, not_member]);
    let expected = [(ALICE, Role::Superadmin), (BOB, Role::Admin), (CAROL, Role::Participant)];
    assert_eq!(roles(&world, &group), expected);
}

#[test]
fn who_may_not_is_refused_and_nothing_changes() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB]);
    let unknown: GroupId = "120363999999999999@g.us".parse().unwrap();
    let settings = vec![
        Setting::InfoAdminOnly(true),
        Setting::MemberAddMode(MemberAddMode::AdminsOnly),
        Setting::MembershipApproval(false),
    ];
    act(&mut world, 1, ALICE, Operation::ChangeSettings(group.clone(), settings.clone())).unwrap();
    let before = world.clone();
    let people = vec![id(CAROL)];
    let cases: Vec<(u64, Operation, Refusal)> = vec![
        (ALICE, Operation::Leave(unknown.clone()), Refusal::GroupNotFound(unknown)),
        (CAROL, Operation::Leave(group.clone()), Refusal::NotMember(group.clone())),
        (
            CAROL,
            Operation::SetSubject(group.clone(), "x".into()),
            Refusal::NotMember(group.clone()),
        ),
        (
            BOB,
            Operation::SetSubject(group.clone(), "x".into()),
            Refusal::NotAdmin("change the subject"),
        ),
        (BOB, describe(group.clone(), "x"), Refusal::NotAdmin("change the description")),
        (
            BOB,
            Operation::ChangeSettings(group.clone(), settings),
            Refusal::NotAdmin("change its settings"),
        ),
        (BOB, Operation::Add(group.clone(), people.clone()), Refusal::NotAdmin("add members")),
        (
            BOB,
            Operation::Remove(group.clone(), people.clone()),
            Refusal::NotAdmin("remove members"),
        ),
        (
            BOB,
            Operation::Promote(group.clone(), people.clone()),
            Refusal::NotAdmin("change who is an admin"),
        ),
        (
            BOB,
            Operation::Demote(group.clone(), people),
            Refusal::NotAdmin("change who is an admin"),
        ),
        (BOB, Operation::WalkIn(group.clone()), Refusal::AlreadyMember(group.clone())),
        (
            BOB,
            Operation::JoinByInvite("NoSuchCodeNoSuchCode22".parse().unwrap()),
            Refusal::InviteInvalid,
        ),
        (ALICE, Operation::SetSubject(group.clone(), String::new()), Refusal::SubjectLength),
        (ALICE, Operation::SetSubject(group.clone(), "ü".repeat(101)), Refusal::SubjectLength),
        (ALICE, describe(group, "ü".repeat(2_049)), Refusal::DescriptionLength),
        (4_915_100_010_404, Operation::Leave("1@g.us".parse().unwrap()), Refusal::NotOnWhatsapp),
    ];
    for (actor, operation, refusal) in cases {
        assert_eq!(
            act(&mut world, 2, actor, operation.clone()),
            Err(refusal),
            "{actor} {operation:?}"
        );
        assert!(world == before, "{actor} {operation:?}");
    }
}

#[test]
fn the_longest_texts_are_taken() {
    let mut world = world();
    let group = group_of(&mut world, &[]);
    act(&mut world, 1, ALICE, Operation::SetSubject(group.clone(), "ü".repeat(100))).unwrap();
    act(&mut world, 2, ALICE, describe(group, "ü".repeat(2_048))).unwrap();
}

#[test]
fn a_description_is_not_changed_behind_ones_back() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB]);
    act(&mut world, 1, ALICE, describe(group.clone(), "first")).unwrap();
    let first = world.group(&group).unwrap().core.description.id.clone();
    let replace = |text: &str| Operation::SetDescription {
        group_id: group.clone(),
        text: text.to_owned(),
        expected_id: Some(first.clone()),
    };
    act(&mut world, 2, ALICE, replace("second")).unwrap();
    let description_id = world.group(&group).unwrap().core.description.id.clone();
    let conflict = Refusal::DescriptionConflict { group_id: group.clone(), description_id };
    assert_eq!(act(&mut world, 3, BOB, replace("third")), Err(conflict));
}

#[test]
fn the_superadmins_place_is_inherited() {
    let mut world = world();
    let group = group_of(&mut world, &[DAVE]);
    act(&mut world, 1, ALICE, Operation::Add(group.clone(), vec![id(CAROL), id(BOB)])).unwrap();
    act(&mut world, 2, ALICE, Operation::Promote(group.clone(), vec![id(CAROL)])).unwrap();
    let done = act(&mut world, 3, ALICE, Operation::Leave(group.clone())).unwrap();
    assert_eq!(done.echo.len(), 1);
    assert_eq!(done.echo[0].update, GroupUpdate::Left);
    let expected = [(BOB, Role::Participant), (CAROL, Role::Superadmin), (DAVE, Role::Participant)];
    assert_eq!(roles(&world, &group), expected, "the only admin");
    act(&mut world, 4, CAROL, Operation::Leave(group.clone())).unwrap();
    let expected = [(BOB, Role::Participant), (DAVE, Role::Superadmin)];
    assert_eq!(roles(&world, &group), expected, "the oldest member");
    act(&mut world, 5, DAVE, Operation::Leave(group.clone())).unwrap();
    act(&mut world, 6, BOB, Operation::Leave(group.clone())).unwrap();
    assert!(world.group(&group).is_none(), "the last one ends the group");
}

#[test]
fn who_was_removed_cannot_come_back_by_the_link_so_soon() {
    let mut world = world();
    let group = group_of(&mut world, &[CAROL]);
    let code = world.group(&group).unwrap().invite_code.clone();
    act(&mut world, 1, ALICE, Operation::Remove(group.clone(), vec![id(CAROL)])).unwrap();
    let back = act(&mut world, 2, CAROL, Operation::JoinByInvite(code.clone()));
    assert_eq!(back, Err(Refusal::RecentlyRemoved(group.clone())));
    act(&mut world, 3, DAVE, Operation::JoinByInvite(code.clone())).unwrap();
    act(&mut world, 4, DAVE, Operation::Leave(group)).unwrap();
    act(&mut world, 5, DAVE, Operation::JoinByInvite(code)).unwrap();
}

#[test]
fn a_group_with_approval_lets_people_ask() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB]);
    let approval = vec![Setting::MembershipApproval(true)];
    act(&mut world, 1, ALICE, Operation::ChangeSettings(group.clone(), approval)).unwrap();
    let code = world.group(&group).unwrap().invite_code.clone();
    let bob_hears = world.queued(phone(BOB), 100).len();
    let done = act(&mut world, 2, CAROL, Operation::JoinByInvite(code)).unwrap();
    assert!(done.pending_approval);
    assert_eq!(done.notification_count, 1, "only admins hear of it");
    assert_eq!(world.queued(phone(BOB), 100).len(), bob_hears);
    assert_eq!(world.group(&group).unwrap().core.role_of(phone(CAROL)), None);
}

#[test]
fn each_session_hears_of_a_change_from_its_own_point_of_view() {
    let mut world = world();
    let group = group_of(&mut world, &[CAROL]);
    let add = act(&mut world, 1, ALICE, Operation::Add(group.clone(), vec![id(BOB)])).unwrap();
    let to_bob = world.queued(phone(BOB), 10);
    let to_alice = world.queued(phone(ALICE), 10);
    assert_eq!((to_bob.len(), to_alice.len()), (1, 2));
    assert!(
        matches!(&to_bob[0].update, GroupUpdate::Joined(core) if core.role_of(phone(BOB)).is_some())
    );
    assert!(matches!(&to_alice[1].update, GroupUpdate::Members { action: MemberAction::Join, .. }));
    assert_eq!(to_alice[1].number, to_bob[0].number, "one change, one number");
    assert_eq!(add.echo, [to_alice[1].clone()], "the answer is the echo");

    act(&mut world, 2, ALICE, Operation::Remove(group, vec![id(BOB)])).unwrap();
    assert_eq!(world.queued(phone(BOB), 10)[1].update, GroupUpdate::Left);
}

#[test]
fn what_changes_nothing_tells_nobody() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB]);
    let queued = world.queued(phone(BOB), 100).len();
    let subject =
        act(&mut world, 1, ALICE, Operation::SetSubject(group.clone(), "Team".into())).unwrap();
    let demote = act(&mut world, 2, ALICE, Operation::Demote(group, vec![id(BOB)])).unwrap();
    assert!(!subject.changed && !demote.changed);
    assert_eq!(world.queued(phone(BOB), 100).len(), queued);
}

#[test]
fn force_leaves_out_who_may_do_what_and_nothing_else() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB]);
    let mut force = |actor, operation| world.perform(at(1), phone(actor), &operation, true);
    force(CAROL, Operation::SetSubject(group.clone(), "by a stranger".into())).unwrap();
    let done = force(CAROL, Operation::Add(group.clone(), vec![id(4_915_100_010_403)])).unwrap();
    assert_eq!(done.results[0].status, ParticipantStatus::Ok);
    let done = force(CAROL, Operation::Remove(group.clone(), vec![id(ALICE)])).unwrap();
    assert_eq!(done.results[0].status, ParticipantStatus::NotAllowed);
    assert_eq!(force(CAROL, Operation::Leave(group.clone())), Err(Refusal::NotMember(group)));
}

#[test]
fn a_number_belongs_to_one_session() {
    let mut world = world();
    let wish = RequestedAccount { phone_number: Some(phone(ALICE)), push_name: None };
    assert_eq!(world.log_in(&session("eve"), &wish), Err(Refusal::NumberTaken));
    let number = world.log_in(&session("eve"), &RequestedAccount::default()).unwrap();
    assert_eq!(world.log_in(&session("eve"), &RequestedAccount::default()), Ok(number));
    world.log_out(&session("alice"));
    assert_eq!(world.log_in(&session("eve"), &wish), Ok(phone(ALICE)));
    assert_eq!(world.session_account(&session("alice")), None);
}

#[test]
fn a_group_of_phone_numbers_names_its_actors_by_them() {
    let mut world = world();
    let operation = Operation::Create {
        subject: "Old".into(),
        description: "from before".into(),
        participants: vec![],
        settings: GroupSettings::default(),
        addressing_mode: AddressingMode::PhoneNumber,
    };
    let done = act(&mut world, 0, ALICE, operation).unwrap();
    assert_eq!(done.echo[0].actor, id(ALICE));
    let view = world.group(&done.group_id.unwrap()).unwrap().core.view();
    assert_eq!(view.owner, Some(id(ALICE)));
    assert_eq!(view.description.owner, Some(id(ALICE)));
}

#[test]
fn a_group_becomes_part_of_a_community_and_is_one_no_more() {
    let mut world = world();
    let group = group_of(&mut world, &[BOB]);
    let community: GroupId = "120363999999999999@g.us".parse().unwrap();
    let place = |kind, parent| Operation::PlaceInCommunity(group.clone(), Some(kind), Some(parent));
    for (second, kind, parent) in [
        (1, GroupKind::Announcement, Some(community)),
        (2, GroupKind::Community, None),
        (3, GroupKind::Ordinary, None),
    ] {
        let done = act(&mut world, second, ALICE, place(kind, parent.clone())).unwrap();
        assert!(done.changed || done.notification_count > 0, "{kind:?}");
        let again = act(&mut world, second, ALICE, place(kind, parent.clone())).unwrap();
        assert_eq!((again.changed, again.notification_count), (false, 0));
        let view = world.group(&group).unwrap().core.view();
        assert_eq!((view.kind, view.counted()), (kind, None));
        assert_eq!(view.parent, parent);
    }
}
