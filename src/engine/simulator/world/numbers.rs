//! Phone numbers and hidden ids.
//!
//! A number that nothing is known of is a person on WhatsApp who may be added by everyone, so that
//! first calls just work. Numbers with one of these endings behave otherwise, unless the account was
//! given settings of its own or is a session's:
//!
//! | ending | who it is | adding it answers |
//! |---|---|---|
//! | `0401` | someone who has blocked everyone | 401 BLOCKED |
//! | `0403` | someone whom nobody may add | 403 PRIVACY_INVITE_NEEDED with a private invite |
//! | `0404` | nobody: not on WhatsApp | 404 NOT_ON_WHATSAPP |
//! | `0408` | someone who always has just left | 408 RECENTLY_LEFT |

use sha2::{Digest, Sha256};

use crate::domain::id::{Lid, PhoneNumber, SessionName};
use crate::domain::participant::Account;

/// What is special about a number by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestNumber {
    BlockedUs,
    NeedsInvite,
    NotOnWhatsapp,
    RecentlyLeft,
}

impl TestNumber {
    pub fn of(phone: PhoneNumber) -> Option<Self> {
        match phone.get() % 10_000 {
            401 => Some(Self::BlockedUs),
            403 => Some(Self::NeedsInvite),
            404 => Some(Self::NotOnWhatsapp),
            408 => Some(Self::RecentlyLeft),
            _ => None,
        }
    }
}

/// Both names of the account with this number.
pub fn names(phone: PhoneNumber) -> Account {
    Account::from_names(lid_of(phone), Some(phone))
        .unwrap_or(Account::new(crate::domain::ParticipantId::Phone(phone)))
}

/// The hidden id that belongs to a phone number.
///
/// It is computed, not stored: a permutation of all numbers, so that no two accounts share one and
/// the number can be found again, with two check digits, so that an invented id is mostly nobody's.
pub fn lid_of(phone: PhoneNumber) -> Option<Lid> {
    let hidden = permute(phone.get());
    Lid::new(hidden * 100 + check_digits(hidden) + 1)
}

pub fn phone_behind(lid: Lid) -> Option<PhoneNumber> {
    let number = lid.get() - 1;
    let hidden = number / 100;
    if hidden >> (2 * HALF_BITS) != 0 || number % 100 != check_digits(hidden) {
        return None;
    }
    PhoneNumber::new(permute_back(hidden))
}

/// The number of a session that wishes for none. Where it is taken, the next attempt gives another.
pub fn session_number(session: &SessionName, attempt: u64) -> Option<PhoneNumber> {
    let digest = Sha256::digest(session.as_str().as_bytes());
    let hash = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    // 49 15550 is a German mobile prefix that is not assigned.
    PhoneNumber::new(49_155_500_000_000 + hash.wrapping_add(attempt) % 10_000_000)
}

/// Two halves of 25 bits hold every phone number of up to 15 digits.
const HALF_BITS: u32 = 25;
const HALF: u64 = (1 << HALF_BITS) - 1;
const ROUNDS: u64 = 4;

fn scramble(value: u64, round: u64) -> u64 {
    let mixed = (value + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(round.wrapping_mul(0xd1b5_4a32_d192_ed03));
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}

/// A Feistel network: whatever `scramble` does, it can be undone.
fn permute(number: u64) -> u64 {
    let (mut left, mut right) = (number >> HALF_BITS, number & HALF);
    for round in 0..ROUNDS {
        (left, right) = (right, (left ^ scramble(right, round)) & HALF);
    }
    left << HALF_BITS | right
}

fn permute_back(number: u64) -> u64 {
    let (mut left, mut right) = (number >> HALF_BITS, number & HALF);
    for round in (0..ROUNDS).rev() {
        (left, right) = ((right ^ scramble(left, round)) & HALF, left);
    }
    left << HALF_BITS | right
}

fn check_digits(hidden: u64) -> u64 {
    scramble(hidden, ROUNDS) % 100
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_has_its_own_hidden_id(number in 10_000_u64..=999_999_999_999_999) {
            let phone = PhoneNumber::new(number).unwrap();
            let lid = lid_of(phone).unwrap();
            prop_assert_eq!(phone_behind(lid), Some(phone));
        }
    }

    #[test]
    fn an_invented_hidden_id_is_mostly_nobodys() {
        let somebody =
            (1..10_000_u64).filter_map(Lid::new).filter(|lid| phone_behind(*lid).is_some()).count();
        assert!(somebody < 300, "{somebody} of 10,000");
    }

    #[test]
    fn a_session_number_is_stable() {
        let session: SessionName = "default".parse().unwrap();
        assert_eq!(session_number(&session, 0), session_number(&session, 0));
        assert_ne!(session_number(&session, 0), session_number(&session, 1));
        assert!(session_number(&session, 0).unwrap().to_string().starts_with("4915550"));
    }
}
