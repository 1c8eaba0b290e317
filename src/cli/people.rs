//! People as they are named: on the line, or one a line in a file.

use clap::Args;

use super::errors::Failure;
use super::input;

/// More than a call may name, with room for comments.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[derive(Debug, Args)]
pub struct People {
    /// +49 151…, bare digits, …@c.us or …@lid
    #[arg(value_name = "PERSON")]
    people: Vec<String>,
    /// People from a file, one a line, besides those on the line; what follows a # counts for nothing; - for standard
    /// input
    #[arg(long, value_name = "FILE|-")]
    people_file: Option<String>,
}

impl People {
    /// All that are named, perhaps nobody.
    pub fn read(self) -> Result<Vec<String>, Failure> {
        let mut people = self.people;
        if let Some(path) = &self.people_file {
            people.extend(listed(&input::read_text(path, MAX_FILE_BYTES)?));
        }
        Ok(people)
    }

    /// All that are named, at least one.
    pub fn read_some(self) -> Result<Vec<String>, Failure> {
        let people = self.read()?;
        if people.is_empty() {
            return Err(Failure::Usage(
                "name somebody: +49 151…, …@c.us or …@lid, or --people-file FILE".to_owned(),
            ));
        }
        Ok(people)
    }
}

fn listed(text: &str) -> impl Iterator<Item = String> {
    let people = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    people.filter(|person| !person.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_person() {
        let text = "# the team\n+49 151 200 0001\n\n  7@lid  # Ann\r\n4915120000002@c.us";
        let people: Vec<_> = listed(text).collect();
        assert_eq!(people, ["+49 151 200 0001", "7@lid", "4915120000002@c.us"]);
    }
}
