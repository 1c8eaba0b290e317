//! What an event reports of a group as a whole, corrected where an engine has it wrong.

use serde_json::Value;

use super::super::native::{self, Words};
use super::super::raw::{Raw, flag};
use super::super::{names, text};
use super::envelope::{Envelope, WahaEngine};
use super::order;
use crate::domain::event::{Field, FieldValue};
use crate::domain::group::{AddressingMode, Description, Group, MemberAddMode, Subject};
use crate::domain::id::GroupId;
use crate::domain::participant::{Participant, Role};

/// Which of the two events holds the group; the same field means different things in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupEventKind {
    Join,
    Update,
}

/// The fields that the event has, in the order of [`Field::VALUED`]. `group` is the normalised group,
/// `_data` of the payload the engine's own.
pub(super) fn fields(envelope: &Envelope, group: &Value, kind: GroupEventKind) -> Vec<FieldValue> {
    let raw = raw(envelope);
    let mut fields = Vec::new();
    let time = || (kind == GroupEventKind::Update).then(|| order::occur_time(envelope));
    let subject = group.get("subject").and_then(Value::as_str);
    let subject = subject.map(|subject| text::kept(subject, text::MAX_SUBJECT_BYTES));
    // A blank subject is a group that the engine knows too little of: WhatsApp allows none.
    if let Some(text) = subject.filter(|text| !text.trim().is_empty()) {
        fields.push(FieldValue::Subject(Subject {
            text,
            time: raw.time(&["/NameSetAt", "/Name/NameSetAt", "/subjectTime"]).or_else(time),
            owner: raw.first(&["/NameSetBy", "/Name/NameSetBy", "/subjectOwner"]),
        }));
    }
    let description = group.get("description").and_then(Value::as_str);
    // NOWEB leaves out what a group has not.
    if let Some(text) = description.or_else(|| raw.is_whole().then_some("")) {
        let id = raw.text(&["/TopicID", "/Topic/TopicID", "/descId", "/groupMetadata/descId"]);
        fields.push(FieldValue::Description(Description {
            text: text::kept(text, text::MAX_DESCRIPTION_BYTES),
            id: text::kept(id.unwrap_or_default(), text::MAX_NAME_BYTES),
            time: raw.time(&["/TopicSetAt", "/Topic/TopicSetAt", "/descTime"]).or_else(time),
            owner: raw.first(&["/TopicSetBy", "/Topic/TopicSetBy", "/descOwner"]),
        }));
    }
    fields.extend(
        raw.flag(&["/IsLocked", "/Locked/IsLocked", "/restrict", "/groupMetadata/restrict"])
            .map(FieldValue::InfoAdminOnly),
    );
    fields.extend(
        messages_admin_only(envelope, group, &raw, kind).map(FieldValue::MessagesAdminOnly),
    );
    fields.extend(flag(group.get("membersCanAddNewMember")).map(|all| {
        FieldValue::MemberAddMode(if all {
            MemberAddMode::AllMembers
        } else {
            MemberAddMode::AdminsOnly
        })
    }));
    fields.extend(
        flag(group.get("newMembersApprovalRequired"))
            .filter(|_| !doubts_approval(envelope, group, kind))
            .map(FieldValue::MembershipApproval),
    );
    match raw.text(&["/MemberShareHistoryMode"]) {
        Some("all_member_share") => fields.push(FieldValue::MemberShareHistory(true)),
        Some("admin_share") => fields.push(FieldValue::MemberShareHistory(false)),
        _ => {}
    }
    if let Some(seconds) = raw.disappearing_timer() {
        fields.push(FieldValue::DisappearingTimer(seconds));
    }
    if raw.is_whole() {
        fields.push(FieldValue::Owner(raw.first(&["/OwnerJID", "/owner"])));
        let mode = match raw.text(&["/AddressingMode", "/addressingMode"]) {
            Some("lid") => AddressingMode::Lid,
            Some("pn") => AddressingMode::PhoneNumber,
            _ => AddressingMode::Unknown,
        };
        if mode != AddressingMode::Unknown {
            fields.push(FieldValue::AddressingMode(mode));
        }
        let parent = raw.find(&["/LinkedParentJID", "/linkedParent"]).and_then(names::group_id);
        fields.push(FieldValue::Parent(parent));
        fields.extend(raw.flag(&["/Suspended"]).map(FieldValue::Suspended));
        if let Some(engine) = envelope.engine() {
            fields.extend(native::standing(Words::of(engine), &raw));
        }
    }
    fields
}

/// On a change whatsmeow reports approval as on, whichever way it was switched: it does not read the state in the
/// notification's `membership_approval_mode`.
pub(super) fn doubts_approval(envelope: &Envelope, group: &Value, kind: GroupEventKind) -> bool {
    kind == GroupEventKind::Update
        && envelope.engine() == Some(WahaEngine::Gows)
        && flag(group.get("newMembersApprovalRequired")) == Some(true)
}

/// `membersCanSendMessages` is the opposite of its name on GOWS (of a join, not of an update), NOWEB
/// and WEBJS: they copy WhatsApp's `announce`. WPP has it right. What the engine itself holds is right
/// everywhere.
fn messages_admin_only(
    envelope: &Envelope,
    group: &Value,
    raw: &Raw<'_>,
    kind: GroupEventKind,
) -> Option<bool> {
    const ANNOUNCE: [&str; 4] =
        ["/IsAnnounce", "/Announce/IsAnnounce", "/announce", "/groupMetadata/announce"];
    if let Some(announce) = raw.flag(&ANNOUNCE) {
        return Some(announce);
    }
    let said = flag(group.get("membersCanSendMessages"))?;
    match (envelope.engine()?, kind) {
        (WahaEngine::Gows, GroupEventKind::Update) | (WahaEngine::Wpp, _) => Some(!said),
        (WahaEngine::Gows, GroupEventKind::Join) | (WahaEngine::Noweb | WahaEngine::Webjs, _) => {
            Some(said)
        }
    }
}

/// The members that the event lists. An empty list means nothing: WEBJS has one in every update.
pub(super) fn participants(envelope: &Envelope, group: &Value) -> Vec<Participant> {
    let listed = group.get("participants").and_then(Value::as_array);
    let raw = raw(envelope).accounts();
    let mut participants: Vec<Participant> =
        listed.into_iter().flatten().filter_map(participant).collect();
    for participant in &mut participants {
        // GOWS and WPP give no phone number beside a hidden id, though the engine knows it.
        let known = participant.account.names().find_map(|name| raw.get(&name));
        if let Some(known) = known {
            participant.account = participant.account.merged_with(known);
        }
    }
    participants
}

/// One member, with the role that the event gives. `None` where nobody can be made out.
pub(super) fn participant(listed: &Value) -> Option<Participant> {
    let account = names::account([listed.get("id")?, listed.get("pn").unwrap_or(&Value::Null)])?;
    let role = match listed.get("role").and_then(Value::as_str) {
        Some("superadmin") => Role::Superadmin,
        Some("admin") => Role::Admin,
        _ => Role::Participant,
    };
    Some(Participant::new(account, role))
}

/// The group with all its members, and the fields that the engine does not report. `None` where the
/// event has too little to be taken for the whole.
pub(super) fn whole(
    envelope: &Envelope,
    id: &GroupId,
    fields: &[FieldValue],
    participants: Vec<Participant>,
) -> Option<(Group, Vec<Field>)> {
    let knows = |field: Field| fields.iter().any(|value| value.field() == field);
    if participants.is_empty() || !knows(Field::Subject) {
        return None;
    }
    let mut group = Group::partial(id.clone());
    group.partial = false;
    fields.iter().for_each(|value| value.set_on(&mut group));
    group.set_participants(participants);
    let raw = raw(envelope);
    group.create_time = raw.time(&["/GroupCreated", "/creation", "/groupMetadata/creation"]);
    let mut unreported: Vec<Field> =
        Field::VALUED.into_iter().filter(|field| !knows(*field)).collect();
    unreported.push(Field::Picture);
    Some((group, unreported))
}

/// The engine's own event.
fn raw(envelope: &Envelope) -> Raw<'_> {
    Raw::new(envelope.payload.get("_data").unwrap_or(&Value::Null), envelope.now)
}
