//! Identifiers. Each has exactly one parser, its `FromStr`, and one canonical form, its `Display`.
//!
//! Input is generous, output is canonical: `+49 151 000-00001`, `4915100000001` and
//! `4915100000001:7@s.whatsapp.net` are one phone number and print as `4915100000001@c.us`.

mod calling_code;
mod group_id;
mod invite_code;
mod jid;
mod numbering_plan;
mod participant_id;
mod private_invite_code;
mod request_id;
mod session_name;
mod spelling;
#[cfg(test)]
mod tests;
mod written_number;

pub use calling_code::country;
pub use group_id::GroupId;
pub use invite_code::InviteCode;
pub use numbering_plan::Likeness;
pub use participant_id::{Lid, ParticipantId, PhoneNumber};
pub use private_invite_code::PrivateInviteCode;
pub use request_id::RequestId;
pub use session_name::SessionName;
pub use written_number::number_pattern;

/// Why a text is not an identifier; the text says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub String);

impl ParseError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Serializes an identifier as its canonical text.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;
