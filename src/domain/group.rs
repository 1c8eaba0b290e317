//! The state of a group, as far as we know it.

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::id::{GroupId, ParseError, ParticipantId};
use super::participant::{Account, Participant, Role};
use super::text::plain_space;

/// WhatsApp's limit for a subject, in characters.
pub const MAX_SUBJECT_CHARS: usize = 100;
/// WhatsApp's limit for a description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 2048;
/// WhatsApp's limit for the members of a group.
pub const MAX_PARTICIPANTS: usize = 1024;

/// The longest time after which messages may disappear that the contract lets through: a year.
pub const MAX_TIMER_SECONDS: u32 = 365 * 86_400;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub subject: Subject,
    pub description: Description,
    pub create_time: Option<Timestamp>,
    pub owner: Option<ParticipantId>,
    pub addressing_mode: AddressingMode,
    pub settings: GroupSettings,
    pub kind: GroupKind,
    /// The community that the group belongs to.
    pub parent: Option<GroupId>,
    /// WhatsApp's id of the current picture; `None` where there is none or none was reported.
    pub picture_id: Option<String>,
    pub suspended: bool,
    /// Known only from updates that arrived before any full description, or from one that lacks the name or
    /// the members.
    pub partial: bool,
    /// How many members WhatsApp counts where it shows a part of them, at least as many as are shown; `None`
    /// where all are shown. Of the members that are not shown, nothing is known.
    counted: Option<u32>,
    /// Sorted by `Participant::id`, each account once.
    participants: Vec<Participant>,
}

impl Group {
    /// A group of which nothing is known but its id.
    pub fn partial(id: GroupId) -> Self {
        Self {
            id,
            subject: Subject::default(),
            description: Description::default(),
            create_time: None,
            owner: None,
            addressing_mode: AddressingMode::Unknown,
            settings: GroupSettings::default(),
            kind: GroupKind::Ordinary,
            parent: None,
            picture_id: None,
            suspended: false,
            partial: true,
            counted: None,
            participants: Vec::new(),
        }
    }

    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    pub fn member_count(&self) -> u32 {
        let shown = u32::try_from(self.participants.len()).unwrap_or(u32::MAX);
        self.counted.unwrap_or(shown)
    }

    pub fn counted(&self) -> Option<u32> {
        self.counted
    }

    pub fn set_counted(&mut self, counted: Option<u32>) {
        self.counted = counted;
        self.count_shown();
    }

    fn count_shown(&mut self) {
        let shown = u32::try_from(self.participants.len()).unwrap_or(u32::MAX);
        self.counted = self.counted.map(|counted| counted.max(shown));
    }

    /// Whether it lacks what no group is without.
    pub fn is_half_known(&self) -> bool {
        self.subject.text.is_empty() || self.participants.is_empty()
    }

    /// Replaces all members. An account that stands in the list twice keeps its higher role.
    pub fn set_participants(&mut self, mut participants: Vec<Participant>) {
        participants.sort_by_key(|p| (p.id(), std::cmp::Reverse(p.role)));
        participants.dedup_by_key(|p| p.id());
        self.participants = participants;
        self.count_shown();
    }

    pub fn participant(&self, account: &Account) -> Option<&Participant> {
        self.position(account).map(|index| &self.participants[index])
    }

    pub fn role_of(&self, account: &Account) -> Option<Role> {
        self.participant(account).map(|p| p.role)
    }

    /// Adds the member, or replaces what stands for the same account under either of its names.
    pub fn put_participant(&mut self, participant: Participant) {
        while let Some(index) = self.position(&participant.account) {
            self.participants.remove(index);
        }
        let index = self.participants.partition_point(|p| p.id() < participant.id());
        self.participants.insert(index, participant);
        self.count_shown();
    }

    pub fn remove_participant(&mut self, account: &Account) -> Option<Participant> {
        let mut removed = None;
        while let Some(index) = self.position(account) {
            removed = Some(self.participants.remove(index));
        }
        removed
    }

    fn position(&self, account: &Account) -> Option<usize> {
        // The key is nearly always the one the list is sorted by; only an alias needs the scan.
        match self.participants.binary_search_by_key(&account.id(), |p| p.id()) {
            Ok(index) => Some(index),
            Err(_) => self.participants.iter().position(|p| p.account.is_same(account)),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub text: String,
    pub time: Option<Timestamp>,
    pub owner: Option<ParticipantId>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub text: String,
    /// WhatsApp's id of this text; an edit names the one it replaces.
    pub id: String,
    pub time: Option<Timestamp>,
    pub owner: Option<ParticipantId>,
}

/// How members are named on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressingMode {
    #[default]
    Unknown,
    PhoneNumber,
    Lid,
}

/// What a group is to a community.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// A group for its own sake, in a community or not; also where the engine does not report it.
    #[default]
    Ordinary,
    /// A community itself, to which groups belong ("parent").
    Community,
    /// The group of a community in which all of its people are, and its admins write.
    Announcement,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberAddMode {
    #[default]
    AllMembers,
    AdminsOnly,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSettings {
    /// Only admins edit subject, description and picture ("locked").
    pub info_admin_only: bool,
    /// Only admins write ("announcement").
    pub messages_admin_only: bool,
    pub member_add_mode: MemberAddMode,
    /// Joining by the invite link needs an admin's approval.
    pub membership_approval: bool,
    /// Members may hand the history to a newcomer.
    pub member_share_history: bool,
    /// After how many seconds messages disappear; 0 = never.
    pub disappearing_timer_seconds: u32,
}

/// A subject that WhatsApp takes: 1 to 100 characters that are not all blank, no control characters; a tab
/// is a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SubjectText(String);

impl SubjectText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SubjectText {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl std::str::FromStr for SubjectText {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = plain_space(text);
        let length = text.chars().count();
        if text.trim().is_empty() || length > MAX_SUBJECT_CHARS {
            return Err(ParseError(format!(
                "must have 1 to {MAX_SUBJECT_CHARS} characters that are not all blank; it has {length}"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(ParseError(
                "must not have line breaks or other control characters".to_owned(),
            ));
        }
        Ok(Self(text.into_owned()))
    }
}

/// A description that WhatsApp takes: at most 2048 characters; empty = none. A tab is a space, and every kind
/// of line break is `\n`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DescriptionText(String);

impl DescriptionText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DescriptionText {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl std::str::FromStr for DescriptionText {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = plain_space(text);
        let length = text.chars().count();
        if length > MAX_DESCRIPTION_CHARS {
            return Err(ParseError(format!(
                "must have at most {MAX_DESCRIPTION_CHARS} characters; it has {length}"
            )));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(ParseError(
                "must not have control characters other than line breaks".to_owned(),
            ));
        }
        Ok(Self(text.into_owned()))
    }
}

#[cfg(test)]
mod tests;
