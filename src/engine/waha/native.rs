//! Groups in the words of WAHA's engines.
//!
//! WAHA passes on what its engine holds, and each engine has names of its own for the same things. They are
//! tables here; one reader goes by them.

use serde_json::Value;

use super::raw::{Raw, flag};
use super::webhook::WahaEngine;
use super::{names, text};
use crate::domain::clock::Timestamp;
use crate::domain::event::{Field, FieldValue};
use crate::domain::group::{AddressingMode, Description, Group, GroupKind, MemberAddMode, Subject};
use crate::domain::id::GroupId;
use crate::domain::participant::{Participant, Role};

type Places = &'static [&'static str];

/// Where an engine keeps what; JSON pointers, of which the first that is there counts.
pub(super) struct Words {
    pub id: Places,
    pub subject: Places,
    subject_time: Places,
    subject_owner: Places,
    pub description: Places,
    description_id: Places,
    description_time: Places,
    description_owner: Places,
    info_admin_only: Places,
    messages_admin_only: Places,
    member_add_mode: Places,
    pub membership_approval: Places,
    member_share_history: Places,
    disappearing_timer: Places,
    /// Whether what is off is left out.
    omits_zero: bool,
    addressing_mode: Places,
    /// Whether members are named by hidden ids.
    by_lid: Places,
    pub create_time: Places,
    pub owner: Places,
    pub parent: Places,
    community: Places,
    announcement: Places,
    /// Whether members are hidden from each other.
    incognito: Places,
    suspended: Places,
    pub members: Places,
    pub size: Places,
}

/// whatsmeow's GroupInfo, flattened; every key is there.
const GOWS: Words = Words {
    id: &["/JID"],
    subject: &["/Name"],
    subject_time: &["/NameSetAt"],
    subject_owner: &["/NameSetBy"],
    description: &["/Topic"],
    description_id: &["/TopicID"],
    description_time: &["/TopicSetAt"],
    description_owner: &["/TopicSetBy"],
    info_admin_only: &["/IsLocked"],
    messages_admin_only: &["/IsAnnounce"],
    member_add_mode: &["/MemberAddMode"],
    membership_approval: &["/IsJoinApprovalRequired"],
    // Since 2026.9.2.
    member_share_history: &["/MemberShareHistoryMode"],
    disappearing_timer: &["/DisappearingTimer"],
    omits_zero: false,
    addressing_mode: &["/AddressingMode"],
    by_lid: &[],
    create_time: &["/GroupCreated"],
    owner: &["/OwnerJID"],
    parent: &["/LinkedParentJID"],
    community: &["/IsParent"],
    announcement: &["/IsDefaultSubGroup"],
    incognito: &["/IsIncognito"],
    suspended: &["/Suspended"],
    members: &["/Participants"],
    size: &["/ParticipantCount"],
};

/// Baileys' GroupMetadata; what is undefined is left out.
const NOWEB: Words = Words {
    id: &["/id"],
    subject: &["/subject"],
    subject_time: &["/subjectTime"],
    subject_owner: &["/subjectOwner"],
    description: &["/desc"],
    description_id: &["/descId"],
    description_time: &["/descTime"],
    description_owner: &["/descOwner"],
    info_admin_only: &["/restrict"],
    messages_admin_only: &["/announce"],
    member_add_mode: &["/memberAddMode"],
    membership_approval: &["/joinApprovalMode"],
    member_share_history: &[],
    disappearing_timer: &["/ephemeralDuration"],
    omits_zero: true,
    addressing_mode: &["/addressingMode"],
    by_lid: &[],
    create_time: &["/creation"],
    owner: &["/owner"],
    parent: &["/linkedParent"],
    community: &["/isCommunity"],
    announcement: &["/isCommunityAnnounce"],
    incognito: &[],
    suspended: &[],
    members: &["/participants"],
    size: &["/size"],
};

/// The chat of WhatsApp Web with its metadata (WEBJS, WPP), or the metadata alone, as of an invite.
const BROWSER: Words = Words {
    id: &["/id", "/groupMetadata/id"],
    subject: &["/groupMetadata/subject", "/name", "/subject"],
    subject_time: &["/groupMetadata/subjectTime", "/subjectTime"],
    subject_owner: &["/groupMetadata/subjectOwner", "/subjectOwner"],
    description: &["/groupMetadata/desc", "/desc"],
    description_id: &["/groupMetadata/descId", "/descId"],
    description_time: &["/groupMetadata/descTime", "/descTime"],
    description_owner: &["/groupMetadata/descOwner", "/descOwner"],
    info_admin_only: &["/groupMetadata/restrict", "/restrict"],
    messages_admin_only: &["/groupMetadata/announce", "/announce"],
    member_add_mode: &["/groupMetadata/memberAddMode", "/memberAddMode"],
    membership_approval: &["/groupMetadata/membershipApprovalMode", "/membershipApprovalMode"],
    member_share_history: &[],
    disappearing_timer: &["/groupMetadata/ephemeralDuration"],
    omits_zero: false,
    addressing_mode: &["/groupMetadata/addressingMode"],
    by_lid: &["/groupMetadata/isLidAddressingMode", "/isLidAddressingMode"],
    create_time: &["/groupMetadata/creation", "/creation"],
    owner: &["/groupMetadata/owner", "/owner"],
    parent: &[
        "/groupMetadata/parentGroup",
        "/groupMetadata/linkedParentGroup",
        "/groupMetadata/linkedParent",
        "/parentGroup",
    ],
    community: &["/groupMetadata/isParentGroup", "/isParentGroup"],
    announcement: &["/groupMetadata/defaultSubgroup", "/defaultSubgroup"],
    incognito: &[],
    suspended: &["/groupMetadata/suspended"],
    members: &["/groupMetadata/participants", "/participants"],
    size: &["/groupMetadata/size", "/size"],
};

impl Words {
    pub fn of(engine: WahaEngine) -> &'static Self {
        match engine {
            WahaEngine::Gows => &GOWS,
            WahaEngine::Noweb => &NOWEB,
            WahaEngine::Webjs | WahaEngine::Wpp => &BROWSER,
        }
    }
}

/// A group, and the fields that the engine did not report.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub group: Group,
    pub unreported: Vec<Field>,
}

/// The group that the engine's object is. `None` where it has no id, so that it is none.
pub(super) fn group(engine: WahaEngine, object: &Value, now: Timestamp) -> Option<Seen> {
    let words = Words::of(engine);
    let raw = Raw::new(object, now);
    let id = id(words, &raw)?;
    let mut group = Group::partial(id);
    group.set_participants(members(raw.find(words.members)));
    // A row without name and members is a group of which the server knows the id: its flags are defaults.
    let is_blank = is_nameless(words, &raw) && group.participants().is_empty();
    let reported = if is_blank { Vec::new() } else { fields(words, &raw) };
    reported.iter().for_each(|value| value.set_on(&mut group));
    group.create_time = raw.time(words.create_time);
    group.partial = group.is_half_known();
    let is_reported = |field: Field| reported.iter().any(|value| value.field() == field);
    let mut unreported: Vec<Field> =
        Field::VALUED.into_iter().filter(|field| !is_reported(*field)).collect();
    // No object of any engine has it.
    unreported.push(Field::Picture);
    Some(Seen { group, unreported })
}

pub(super) fn id(words: &Words, raw: &Raw<'_>) -> Option<GroupId> {
    raw.find(words.id).and_then(names::group_id)
}

fn is_nameless(words: &Words, raw: &Raw<'_>) -> bool {
    raw.text(words.subject).is_none_or(|subject| subject.trim().is_empty())
}

/// What the group is to a community, and how far its list of members goes.
pub(super) fn standing(words: &Words, raw: &Raw<'_>) -> Vec<FieldValue> {
    let mut fields = Vec::new();
    let (community, announcement) = (raw.flag(words.community), raw.flag(words.announcement));
    fields.extend(match (community, announcement) {
        (Some(true), _) => Some(FieldValue::Kind(GroupKind::Community)),
        (_, Some(true)) => Some(FieldValue::Kind(GroupKind::Announcement)),
        (Some(false), _) | (_, Some(false)) => Some(FieldValue::Kind(GroupKind::Ordinary)),
        (None, None) => None,
    });
    let listed = raw.find(words.members).and_then(Value::as_array).map_or(0, Vec::len);
    let counted = raw.find(words.size).and_then(Value::as_u64).unwrap_or_default();
    if listed > 0 || counted > 0 {
        let listed = u64::try_from(listed).unwrap_or(u64::MAX);
        let is_part = counted > listed || raw.flag(words.incognito) == Some(true);
        let counted = u32::try_from(counted.max(listed)).unwrap_or(u32::MAX);
        fields.push(FieldValue::Counted(is_part.then_some(counted)));
    }
    fields
}

fn fields(words: &Words, raw: &Raw<'_>) -> Vec<FieldValue> {
    let mut fields = Vec::new();
    // A blank subject is one that the engine does not know: WhatsApp allows none.
    if let Some(subject) = raw.text(words.subject).filter(|subject| !subject.trim().is_empty()) {
        fields.push(FieldValue::Subject(Subject {
            text: text::kept(subject, text::MAX_SUBJECT_BYTES),
            time: raw.time(words.subject_time),
            owner: raw.first(words.subject_owner),
        }));
    }
    // Where there is none, engines leave it out or keep it empty.
    let description = raw.text(words.description).unwrap_or_default();
    let id = raw.text(words.description_id).unwrap_or_default();
    fields.push(FieldValue::Description(Description {
        text: text::kept(description, text::MAX_DESCRIPTION_BYTES),
        id: text::kept(id, text::MAX_NAME_BYTES),
        time: raw.time(words.description_time),
        owner: raw.first(words.description_owner),
    }));
    fields.extend(raw.flag(words.info_admin_only).map(FieldValue::InfoAdminOnly));
    fields.extend(raw.flag(words.messages_admin_only).map(FieldValue::MessagesAdminOnly));
    fields.extend(all_members(raw.find(words.member_add_mode)).map(|all| {
        FieldValue::MemberAddMode(if all {
            MemberAddMode::AllMembers
        } else {
            MemberAddMode::AdminsOnly
        })
    }));
    fields.extend(raw.flag(words.membership_approval).map(FieldValue::MembershipApproval));
    fields.extend(
        all_members(raw.find(words.member_share_history)).map(FieldValue::MemberShareHistory),
    );
    let timer = raw.find(words.disappearing_timer).and_then(Value::as_u64);
    let timer = timer.or(words.omits_zero.then_some(0));
    fields.extend(
        timer.and_then(|seconds| u32::try_from(seconds).ok()).map(FieldValue::DisappearingTimer),
    );
    fields.extend(raw.first(words.owner).map(|owner| FieldValue::Owner(Some(owner))));
    match (raw.text(words.addressing_mode), raw.flag(words.by_lid)) {
        (Some("lid"), _) | (None, Some(true)) => {
            fields.push(FieldValue::AddressingMode(AddressingMode::Lid));
        }
        (Some("pn"), _) | (None, Some(false)) => {
            fields.push(FieldValue::AddressingMode(AddressingMode::PhoneNumber));
        }
        _ => {}
    }
    fields.push(FieldValue::Parent(raw.find(words.parent).and_then(names::group_id)));
    fields.extend(raw.flag(words.suspended).map(FieldValue::Suspended));
    fields.extend(standing(words, raw));
    fields
}

/// `all_member_add` and `all_member_share`, or a flag.
fn all_members(mode: Option<&Value>) -> Option<bool> {
    match mode?.as_str() {
        Some(mode) if mode.starts_with("all_member") => Some(true),
        Some(mode) if mode.starts_with("admin") => Some(false),
        Some(_) => None,
        None => flag(mode),
    }
}

/// The members of a list, in any engine's form. Unreadable rows are left out.
pub(super) fn members(list: Option<&Value>) -> Vec<Participant> {
    let listed = list.and_then(Value::as_array).into_iter().flatten();
    // GOWS lists people it could not add, with the cause.
    let is_in = |listed: &&Value| {
        listed.get("Error").and_then(Value::as_u64).is_none_or(|code| code == 0 || code == 200)
    };
    listed.filter(is_in).filter_map(member).collect()
}

pub(super) fn member(listed: &Value) -> Option<Participant> {
    Some(Participant::new(names::listed(listed)?, role(listed)))
}

fn role(listed: &Value) -> Role {
    let is = |fields: [&str; 2]| {
        fields.iter().any(|field| listed.get(*field).and_then(Value::as_bool) == Some(true))
    };
    let said = ["role", "admin"].into_iter().find_map(|field| listed.get(field)?.as_str());
    if said == Some("superadmin") || is(["IsSuperAdmin", "isSuperAdmin"]) {
        Role::Superadmin
    } else if said == Some("admin") || is(["IsAdmin", "isAdmin"]) {
        Role::Admin
    } else {
        Role::Participant
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(engine: WahaEngine, object: Value) -> Seen {
        group(engine, &object, Timestamp::from_seconds(1_790_000_000)).expect("a group")
    }

    #[test]
    fn every_engine_reports_the_same_group() {
        let gows = json!({
            "JID": "120363000000000001@g.us", "OwnerJID": "111@lid", "Name": "Team",
            "NameSetAt": "2026-09-01T10:00:00Z", "NameSetBy": "111@lid", "Topic": "desc", "TopicID": "3EB0",
            "IsLocked": true, "IsAnnounce": false, "IsJoinApprovalRequired": true, "DisappearingTimer": 86400,
            "AddressingMode": "lid", "LinkedParentJID": "", "GroupCreated": "2026-01-01T00:00:00Z",
            "MemberAddMode": "admin_add", "Suspended": false, "Participants": [
                {"JID": "111@lid", "PhoneNumber": "4915100000001@s.whatsapp.net", "LID": "111@lid",
                 "IsAdmin": true, "IsSuperAdmin": true, "Error": 0},
                {"JID": "222@lid", "PhoneNumber": "", "LID": "222@lid", "IsAdmin": false, "Error": 0},
                {"JID": "333@lid", "Error": 403}],
        });
        let noweb = json!({
            "id": "120363000000000001@g.us", "addressingMode": "lid", "subject": "Team", "subjectTime": 1788256800,
            "subjectOwner": "111@lid", "creation": 1767225600, "owner": "111@lid", "desc": "desc", "descId": "3EB0",
            "restrict": true, "announce": false, "joinApprovalMode": true, "memberAddMode": false,
            "ephemeralDuration": 86400, "participants": [
                {"id": "111@lid", "phoneNumber": "4915100000001@s.whatsapp.net", "admin": "superadmin"},
                {"id": "222@lid", "admin": null}],
        });
        let browser = json!({
            "id": {"server": "g.us", "user": "120363000000000001", "_serialized": "120363000000000001@g.us"},
            "name": "Team", "groupMetadata": {
                "creation": 1767225600, "owner": {"server": "lid", "user": "111"}, "subject": "Team",
                "subjectTime": 1788256800, "subjectOwner": "111@lid", "desc": "desc", "descId": "3EB0",
                "restrict": true, "announce": false, "memberAddMode": "admin_add", "membershipApprovalMode": 1,
                "ephemeralDuration": 86400, "isLidAddressingMode": true, "participants": [
                    {"id": {"server": "lid", "user": "111"}, "phoneNumber": "4915100000001@c.us", "isAdmin": true,
                     "isSuperAdmin": true},
                    {"id": "222@lid", "isAdmin": false, "isSuperAdmin": false}]},
        });
        let mut expected = seen(WahaEngine::Gows, gows);
        assert_eq!(expected.unreported, [Field::MemberShareHistory, Field::Kind, Field::Picture]);
        assert_eq!(expected.group.participants().len(), 2, "who could not be added is no member");
        assert_eq!(expected.group.participants()[0].role, Role::Superadmin);
        assert!(expected.group.participants()[0].account.phone().is_some());
        assert_eq!(expected.group.settings.member_add_mode, MemberAddMode::AdminsOnly);
        expected.unreported.push(Field::Suspended);
        expected.unreported.sort();
        for (engine, object) in [
            (WahaEngine::Noweb, noweb),
            (WahaEngine::Webjs, browser.clone()),
            (WahaEngine::Wpp, browser),
        ] {
            let mut read = seen(engine, object);
            read.unreported.sort();
            assert_eq!(
                (read.group, read.unreported),
                (expected.group.clone(), expected.unreported.clone())
            );
        }
    }

    #[test]
    fn communities_and_their_announcement_groups_are_recognized_on_every_engine() {
        let members = json!([{"id": "111@lid"}, {"id": "222@lid"}]);
        let gows = |parent: bool, announcement: bool| {
            json!({"JID": "1@g.us", "Name": "House", "IsParent": parent, "IsDefaultSubGroup": announcement,
                   "IsIncognito": parent || announcement, "ParticipantCount": if parent || announcement { 2500 } else { 2 },
                   "Participants": [{"JID": "111@lid", "Error": 0}, {"JID": "222@lid", "Error": 0}]})
        };
        let noweb = |parent: bool, announcement: bool| {
            json!({"id": "1@g.us", "subject": "House", "isCommunity": parent, "isCommunityAnnounce": announcement,
                   "size": if parent || announcement { 2500 } else { 2 }, "participants": members})
        };
        let browser = |parent: bool, announcement: bool| {
            json!({"id": "1@g.us", "groupMetadata": {
                "subject": "House", "isParentGroup": parent, "defaultSubgroup": announcement,
                "size": if parent || announcement { 2500 } else { 2 }, "participants": members}})
        };
        for (parent, announcement, kind, counted) in [
            (true, false, GroupKind::Community, Some(2500)),
            (false, true, GroupKind::Announcement, Some(2500)),
            (false, false, GroupKind::Ordinary, None),
        ] {
            for (engine, object) in [
                (WahaEngine::Gows, gows(parent, announcement)),
                (WahaEngine::Noweb, noweb(parent, announcement)),
                (WahaEngine::Webjs, browser(parent, announcement)),
                (WahaEngine::Wpp, browser(parent, announcement)),
            ] {
                let read = seen(engine, object).group;
                assert_eq!((read.kind, read.counted()), (kind, counted), "{engine:?}");
                assert_eq!(read.member_count(), counted.unwrap_or(2));
            }
        }
        // People who could not be added are listed and counted.
        let refused = json!({"JID": "1@g.us", "Name": "Team", "IsIncognito": false, "ParticipantCount": 2,
            "Participants": [{"JID": "111@lid", "Error": 0}, {"JID": "222@lid", "Error": 403}]});
        assert_eq!(seen(WahaEngine::Gows, refused).group.counted(), None);
        let hidden = json!({"JID": "1@g.us", "Name": "House", "IsIncognito": true,
            "Participants": [{"JID": "111@lid", "Error": 0}]});
        assert_eq!(
            seen(WahaEngine::Gows, hidden).group.counted(),
            Some(1),
            "of how many nobody says"
        );
    }

    #[test]
    fn what_a_partial_row_has_is_read() {
        let members = json!([{"JID": "111@lid", "IsSuperAdmin": true, "Error": 0}]);
        let nameless = json!({"JID": "1@g.us", "Name": "", "IsLocked": true, "GroupCreated": "2025-11-22T00:00:34Z",
            "MemberAddMode": "admin_add", "Participants": members, "ParticipantCount": 1});
        let read = seen(WahaEngine::Gows, nameless);
        assert!(read.group.partial && read.unreported.contains(&Field::Subject));
        assert!(read.group.settings.info_admin_only && read.group.create_time.is_some());
        assert_eq!(read.group.participants().len(), 1);
        let counted =
            json!({"JID": "1@g.us", "Name": "Team", "Participants": null, "ParticipantCount": 5});
        let read = seen(WahaEngine::Gows, counted);
        assert!(read.group.partial && !read.unreported.contains(&Field::Counted));
        assert_eq!((read.group.member_count(), read.group.counted()), (5, Some(5)));
        let memberless =
            json!({"JID": "1@g.us", "Name": "Team", "IsAnnounce": true, "Participants": null});
        let read = seen(WahaEngine::Gows, memberless);
        assert!(read.group.partial && read.unreported.contains(&Field::Counted));
        assert!(read.group.settings.messages_admin_only);
        // With neither its flags are none of the group's.
        let blank = json!({"id": "1@g.us", "restrict": true, "announce": true, "memberAddMode": false, "size": 3});
        let read = seen(WahaEngine::Noweb, blank);
        assert_eq!(read.group.settings, Default::default());
        assert_eq!(read.unreported.len(), Field::VALUED.len() + 1);
    }

    #[test]
    fn what_is_no_group_is_none_and_what_is_missing_is_unreported() {
        let now = Timestamp::EPOCH;
        for object in [json!(null), json!({}), json!({"id": "1@c.us"}), json!("Team")] {
            assert!(group(WahaEngine::Noweb, &object, now).is_none(), "{object}");
        }
        let blank =
            seen(WahaEngine::Noweb, json!({"id": "120363000000000001@g.us", "creation": null}));
        assert!(blank.group.subject.text.is_empty() && blank.group.participants().is_empty());
        assert!(
            blank.unreported.contains(&Field::Subject)
                && blank.unreported.contains(&Field::InfoAdminOnly)
        );
        let named =
            seen(WahaEngine::Noweb, json!({"id": "120363000000000001@g.us", "subject": "Team"}));
        assert!(!named.unreported.contains(&Field::DisappearingTimer), "what is off is left out");
    }
}
