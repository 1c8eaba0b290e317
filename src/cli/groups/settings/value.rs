//! Values of settings as they are written and shown.

use std::fmt;

use clap::ValueEnum;

use crate::pb::MemberAddMode;

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

impl Switch {
    pub fn of(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "on" } else { "off" })
    }
}

/// Who may add members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Adders {
    All,
    Admins,
}

impl From<Adders> for MemberAddMode {
    fn from(adders: Adders) -> Self {
        match adders {
            Adders::All => Self::AllMembers,
            Adders::Admins => Self::Admins,
        }
    }
}

impl fmt::Display for Adders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Admins => "admins",
        })
    }
}
