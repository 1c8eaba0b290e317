//! Members of a group, and what became of each participant a mutation named.

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::id::{GroupId, Lid, ParticipantId, PhoneNumber, PrivateInviteCode};

/// What a member may do. The order is that of rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Participant,
    Admin,
    /// The creator, or the member who inherited the group. Cannot be demoted or removed.
    Superadmin,
}

impl Role {
    pub fn is_admin(self) -> bool {
        match self {
            Self::Participant => false,
            Self::Admin | Self::Superadmin => true,
        }
    }
}

/// The names one account goes by. At least one is known.
///
/// An account is the same as another where they share the hidden id, or the number where one of them has no
/// hidden id. Where both names are known the hidden id is the key, as in every group made since WhatsApp
/// hides phone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "AccountNames", try_from = "AccountNames")]
pub struct Account {
    id: ParticipantId,
    /// The other name; a phone number where `id` is a hidden id.
    phone: Option<PhoneNumber>,
}

impl Account {
    pub fn new(id: ParticipantId) -> Self {
        Self { id, phone: None }
    }

    /// A hidden id that stands there as the number too is no number: engines repeat it where they know none.
    pub fn with_both(lid: Lid, phone: PhoneNumber) -> Self {
        let phone = Some(phone).filter(|phone| phone.get() != lid.get());
        Self { id: ParticipantId::Lid(lid), phone }
    }

    pub fn from_names(lid: Option<Lid>, phone: Option<PhoneNumber>) -> Option<Self> {
        match (lid, phone) {
            (Some(lid), Some(phone)) => Some(Self::with_both(lid, phone)),
            (Some(lid), None) => Some(Self::new(ParticipantId::Lid(lid))),
            (None, Some(phone)) => Some(Self::new(ParticipantId::Phone(phone))),
            (None, None) => None,
        }
    }

    /// The key: the hidden id where it is known, else the phone number.
    pub fn id(&self) -> ParticipantId {
        self.id
    }

    pub fn lid(&self) -> Option<Lid> {
        self.id.lid()
    }

    pub fn phone(&self) -> Option<PhoneNumber> {
        self.phone.or(self.id.phone())
    }

    /// Every name that is known of it.
    pub fn names(&self) -> impl Iterator<Item = ParticipantId> + use<> {
        let second = self.both_names().map(|(_, phone)| ParticipantId::Phone(phone));
        std::iter::once(self.id).chain(second)
    }

    pub fn goes_by(&self, id: ParticipantId) -> bool {
        match id {
            ParticipantId::Lid(lid) => self.lid() == Some(lid),
            ParticipantId::Phone(phone) => self.phone() == Some(phone),
        }
    }

    /// Whether the id is another account's for certain: a hidden id says nothing of an account whose own is not known.
    pub fn cannot_go_by(&self, id: ParticipantId) -> bool {
        match id {
            ParticipantId::Lid(lid) => self.lid().is_some_and(|own| own != lid),
            ParticipantId::Phone(phone) => self.phone().is_some_and(|own| own != phone),
        }
    }

    /// Two hidden ids are two people, also where one has the number now that the other had.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.lid(), other.lid()) {
            (Some(own), Some(other)) => own == other,
            _ => self.phone().is_some() && self.phone() == other.phone(),
        }
    }

    /// Both names where both are known: what teaches an alias.
    pub fn both_names(&self) -> Option<(Lid, PhoneNumber)> {
        Some((self.lid()?, self.phone()?))
    }

    /// The union of what the two know of one account.
    pub fn merged_with(&self, other: &Self) -> Self {
        Self::from_names(self.lid().or(other.lid()), self.phone().or(other.phone()))
            .unwrap_or(*self)
    }
}

#[derive(Serialize, Deserialize)]
struct AccountNames {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lid: Option<Lid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<PhoneNumber>,
}

impl From<Account> for AccountNames {
    fn from(account: Account) -> Self {
        Self { lid: account.lid(), phone: account.phone() }
    }
}

impl TryFrom<AccountNames> for Account {
    type Error = &'static str;

    fn try_from(names: AccountNames) -> Result<Self, Self::Error> {
        Self::from_names(names.lid, names.phone).ok_or("an account needs a lid or a phone number")
    }
}

/// A member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    #[serde(flatten)]
    pub account: Account,
    pub role: Role,
}

impl Participant {
    pub fn new(account: Account, role: Role) -> Self {
        Self { account, role }
    }

    pub fn id(&self) -> ParticipantId {
        self.account.id()
    }
}

/// What became of one participant that a mutation named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantResult {
    /// As the caller named the participant, in canonical form.
    pub requested: ParticipantId,
    /// The account, as far as WhatsApp reported its names.
    pub account: Account,
    pub status: ParticipantStatus,
    /// WhatsApp's own code, 200 where it went well; 0 where WhatsApp was not asked.
    pub code: u32,
    /// Present with `PrivacyInviteNeeded`: send it to the person, who may accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_invite: Option<PrivateInvite>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantStatus {
    Ok,
    AlreadyMember,
    NotOnWhatsapp,
    PrivacyInviteNeeded,
    RecentlyLeft,
    NotMember,
    GroupFull,
    Blocked,
    PendingApproval,
    InvalidId,
    /// A superadmin cannot be demoted or removed.
    NotAllowed,
    /// The person has no open request to join.
    RequestNotFound,
    Unknown,
}

/// An invitation for one person whose privacy settings refuse to be added ("v4 invite").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateInvite {
    pub group_id: GroupId,
    pub code: PrivateInviteCode,
    pub expire_time: Timestamp,
    pub inviter: ParticipantId,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: u64 = 4_915_100_000_001;

    /// 0 = not known.
    fn account(lid: u64, phone: u64) -> Account {
        Account::from_names(Lid::new(lid), PhoneNumber::new(phone)).expect("a name")
    }

    fn by_lid(number: u64) -> ParticipantId {
        ParticipantId::Lid(Lid::new(number).expect("a lid"))
    }

    fn by_phone(number: u64) -> ParticipantId {
        ParticipantId::Phone(PhoneNumber::new(number).expect("a number"))
    }

    #[test]
    fn roles_are_ordered_by_rank_and_all_but_the_lowest_administer() {
        assert!(Role::Participant < Role::Admin && Role::Admin < Role::Superadmin);
        assert!(!Role::Participant.is_admin());
        assert!(Role::Admin.is_admin() && Role::Superadmin.is_admin());
    }

    #[test]
    fn the_hidden_id_is_the_key_where_it_is_known() {
        let (lid, phone, both) = (account(7, 0), account(0, NUMBER), account(7, NUMBER));
        assert_eq!([lid, phone, both].map(|a| a.id()), [by_lid(7), by_phone(NUMBER), by_lid(7)]);
        assert_eq!(
            [lid, phone, both].map(|a| a.phone().map(PhoneNumber::get)),
            [None, Some(NUMBER), Some(NUMBER)]
        );
        assert_eq!([lid, phone, both].map(|a| a.lid().map(Lid::get)), [Some(7), None, Some(7)]);
        assert_eq!([lid, phone, both].map(|a| a.both_names().is_some()), [false, false, true]);
        assert_eq!([lid, phone, both].map(|a| a.names().count()), [1, 1, 2]);
        assert_eq!(both.names().collect::<Vec<_>>(), [by_lid(7), by_phone(NUMBER)]);
        assert_eq!(Account::from_names(None, None), None);
        // Engines repeat the hidden id where they know no number.
        assert_eq!(account(NUMBER, NUMBER), account(NUMBER, 0));
    }

    #[test]
    fn an_account_goes_by_its_own_names_and_cannot_go_by_others_of_their_kind() {
        let both = account(7, NUMBER);
        for (id, goes, cannot) in [
            (by_lid(7), true, false),
            (by_phone(NUMBER), true, false),
            (by_lid(8), false, true),
            (by_phone(NUMBER + 1), false, true),
        ] {
            assert_eq!((both.goes_by(id), both.cannot_go_by(id)), (goes, cannot), "{id}");
        }
        // Nothing is known of the other name.
        for (one, id) in [(account(7, 0), by_phone(NUMBER)), (account(0, NUMBER), by_lid(7))] {
            assert!(!one.goes_by(id) && !one.cannot_go_by(id), "{id}");
        }
    }

    #[test]
    fn accounts_are_the_same_by_hidden_id_or_by_number_where_one_has_none() {
        for (one, other, same) in [
            (account(7, 0), account(7, NUMBER), true),
            (account(7, NUMBER), account(0, NUMBER), true),
            (account(0, NUMBER), account(0, NUMBER), true),
            // One has the number that the other had.
            (account(7, NUMBER), account(8, NUMBER), false),
            (account(7, NUMBER), account(7, NUMBER + 1), true),
            (account(7, 0), account(0, NUMBER), false),
            (account(0, NUMBER), account(0, NUMBER + 1), false),
            (account(7, 0), account(8, 0), false),
        ] {
            assert_eq!(one.is_same(&other), same, "{one:?} {other:?}");
            assert_eq!(other.is_same(&one), same, "{one:?} {other:?}");
        }
    }

    #[test]
    fn two_that_are_one_know_together_what_each_knows() {
        let both = account(7, NUMBER);
        assert_eq!(account(7, 0).merged_with(&account(0, NUMBER)), both);
        assert_eq!(account(0, NUMBER).merged_with(&account(7, 0)), both);
        assert_eq!(both.merged_with(&account(8, NUMBER + 1)), both, "its own names come first");
    }

    #[test]
    fn an_account_is_kept_by_its_names() {
        for (account, json) in [
            (account(7, 0), r#"{"lid":"7@lid"}"#),
            (account(0, NUMBER), r#"{"phone":"4915100000001@c.us"}"#),
            (account(7, NUMBER), r#"{"lid":"7@lid","phone":"4915100000001@c.us"}"#),
        ] {
            assert_eq!(serde_json::to_string(&account).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Account>(json).expect("an account"), account);
        }
        assert!(serde_json::from_str::<Account>("{}").is_err());
    }
}
