//! What the world knows of an account that is not just anyone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::id::{PhoneNumber, SessionName};

/// Who may add an account to groups. Others get a private invite to pass on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddPrivacy {
    #[default]
    Everyone,
    Contacts,
    Nobody,
}

/// What a script may set of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSettings {
    pub push_name: String,
    pub on_whatsapp: bool,
    pub add_privacy: AddPrivacy,
    /// For `AddPrivacy::Contacts`.
    pub contacts: BTreeSet<PhoneNumber>,
    /// Who cannot add this account.
    pub blocked: BTreeSet<PhoneNumber>,
}

/// Which of them to change; `None` leaves one as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    pub push_name: Option<String>,
    pub on_whatsapp: Option<bool>,
    pub add_privacy: Option<AddPrivacy>,
    pub contacts: Option<BTreeSet<PhoneNumber>>,
    pub blocked: Option<BTreeSet<PhoneNumber>>,
}

impl AccountChange {
    pub fn applied_to(self, settings: AccountSettings) -> AccountSettings {
        AccountSettings {
            push_name: self.push_name.unwrap_or(settings.push_name),
            on_whatsapp: self.on_whatsapp.unwrap_or(settings.on_whatsapp),
            add_privacy: self.add_privacy.unwrap_or(settings.add_privacy),
            contacts: self.contacts.unwrap_or(settings.contacts),
            blocked: self.blocked.unwrap_or(settings.blocked),
        }
    }
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            push_name: String::new(),
            on_whatsapp: true,
            add_privacy: AddPrivacy::Everyone,
            contacts: BTreeSet::new(),
            blocked: BTreeSet::new(),
        }
    }
}

impl AccountSettings {
    pub fn lets_add(&self, adder: PhoneNumber) -> bool {
        match self.add_privacy {
            AddPrivacy::Everyone => true,
            AddPrivacy::Contacts => self.contacts.contains(&adder),
            AddPrivacy::Nobody => false,
        }
    }
}

/// An account with settings of its own, or a session's. All others follow from their number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub settings: AccountSettings,
    /// The session that is logged in with it, and is therefore notified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionName>,
    /// The session that used to be, whose device was unlinked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlinked: Option<SessionName>,
    /// The number that the account has by now, where it is another than its first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<PhoneNumber>,
}
