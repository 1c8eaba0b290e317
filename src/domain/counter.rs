//! The numbers that the log gives out, each a type of its own: a position given for a sequence does not compile.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number that no counter reaches: below zero, or above what the databases and the contract hold (63 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is outside of 0 to 2^63 - 1")]
pub struct OutOfRange(i128);

macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name(i64);

        impl $name {
            /// Before the first one.
            pub const ZERO: Self = Self(0);

            pub const fn get(self) -> u64 {
                self.0.unsigned_abs()
            }

            /// As the databases and the contract hold it.
            pub const fn as_i64(self) -> i64 {
                self.0
            }

            #[must_use]
            pub const fn next(self) -> Self {
                self.plus(1)
            }

            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add_unsigned(count))
            }

            /// So many before this one, or before the first.
            #[must_use]
            pub const fn minus(self, count: u64) -> Self {
                Self::ZERO.plus(self.get().saturating_sub(count))
            }

            /// How many come after `earlier`, up to and including this one.
            pub const fn since(self, earlier: Self) -> u64 {
                self.get().saturating_sub(earlier.get())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<u32> for $name {
            fn from(number: u32) -> Self {
                Self(i64::from(number))
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> Self {
                number.get()
            }
        }

        impl TryFrom<u64> for $name {
            type Error = OutOfRange;

            fn try_from(number: u64) -> Result<Self, OutOfRange> {
                i64::try_from(number).map(Self).map_err(|_| OutOfRange(number.into()))
            }
        }

        impl TryFrom<i64> for $name {
            type Error = OutOfRange;

            fn try_from(number: i64) -> Result<Self, OutOfRange> {
                if number < 0 { Err(OutOfRange(number.into())) } else { Ok(Self(number)) }
            }
        }
    )*};
}

counters! {
    /// An event's place among all events of the log: 1 for the first, without a gap.
    Position;
    /// An event's place among those of its session: 1 for the first, without a gap.
    Sequence;
    /// How often a session was written, with events or without.
    Revision;
    /// Which process writes: each one that starts is one higher, and ends the writing of all before it.
    Epoch;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_the_same_in_the_database_in_json_and_here(number in 0..=i64::MAX) {
            let sequence = Sequence::try_from(number).unwrap();
            prop_assert_eq!(sequence.as_i64(), number);
            prop_assert_eq!(Sequence::try_from(sequence.get()), Ok(sequence));
            let json = serde_json::to_string(&sequence).unwrap();
            prop_assert_eq!(&json, &number.to_string());
            prop_assert_eq!(serde_json::from_str::<Sequence>(&json).unwrap(), sequence);
        }

        #[test]
        fn what_no_counter_reaches_is_refused(above in i64::MAX.unsigned_abs() + 1.., below in ..0_i64) {
            prop_assert!(Position::try_from(above).is_err());
            prop_assert!(Position::try_from(below).is_err());
            prop_assert!(serde_json::from_str::<Position>(&above.to_string()).is_err());
        }

        #[test]
        fn steps_stay_within_what_can_be_held(number in 0..=i64::MAX, count: u64) {
            let position = Position::try_from(number).unwrap();
            prop_assert!(position.plus(count) >= position);
            prop_assert!(position.minus(count) <= position);
            prop_assert_eq!(position.since(position.minus(count)), count.min(position.get()));
        }
    }
}
