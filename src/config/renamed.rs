//! Sections of settings that have a new name. The old one is taken for one version more, with a warning, so that an
//! update needs no change of settings in the same moment.

use std::fmt;

use super::problems::{Problem, Source};

/// The old names and the new ones.
const SECTIONS: [(&str, &str); 1] = [("webhook", "waha_ingress")];

/// A section that was given under its old name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenamedSection {
    old: &'static str,
    new: &'static str,
    /// Which of its settings were given by the old name, and where.
    given: Vec<(String, Source)>,
}

impl fmt::Display for RenamedSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { old, new, given } = self;
        let variables = new.to_uppercase();
        write!(
            f,
            "the settings {old}.* are named {new}.*, WAGROUPS_{variables}__* in the environment; the next version no \
             longer takes the old name, which is used by "
        )?;
        for (index, (path, source)) in given.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{path} ({source})")?;
        }
        Ok(())
    }
}

/// Gives settings of renamed sections their new paths. A section under both names is a problem: which of two values
/// should win would be a guess.
pub(super) fn rename<'a>(
    given: impl IntoIterator<Item = (&'a mut String, &'a Source)>,
    problems: &mut Vec<Problem>,
) -> Vec<RenamedSection> {
    let mut given: Vec<_> = given.into_iter().collect();
    let mut renamed = Vec::new();
    for (old, new) in SECTIONS {
        let is_of = |path: &str, section: &str| {
            path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
        };
        let by_new = given.iter().find(|(path, _)| is_of(path, new));
        let by_new = by_new.map(|(path, source)| format!("{path} ({source})"));
        let mut by_old = Vec::new();
        for (path, source) in &mut given {
            if is_of(path, old) {
                by_old.push((path.clone(), source.clone()));
                path.replace_range(..old.len(), new);
            }
        }
        let Some((path, source)) = by_old.first() else { continue };
        match by_new {
            Some(by_new) => problems.push(Problem {
                path: path.clone(),
                source: source.clone(),
                text: format!(
                    "{old}.* is the old name of {new}.*, and {by_new} is set, too; name all of them {new}.*"
                ),
            }),
            None => renamed.push(RenamedSection { old, new, given: by_old }),
        }
    }
    renamed
}
