//! Which person each row of an answer is about.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use crate::domain::matching::{Asked, Found, Trust, rows_of};
use crate::domain::participant::Account;
use crate::engine::waha::routed_session::RoutedSession;

/// How long names are looked up once a call is done: that it is done must not depend on it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Names that are looked up at the same time.
const AT_ONCE: usize = 8;

/// What the answer reports of one requested person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// With the names that were learnt on the way.
    pub asked: Asked,
    /// The row about them; `None` where none is for certain.
    pub row: Option<usize>,
    /// Whether the server was asked for their other name.
    pub is_looked_up: bool,
}

impl RoutedSession {
    /// Finds the row about each by name. Where names are left on both sides the server is asked for their other names,
    /// once; a row that matches nobody then is dropped, also where one person alone was asked for: it may be about a
    /// member, or about us. Rows without a name are `None`.
    pub(super) async fn attribute(
        &self,
        mut asked: Vec<Asked>,
        mut rows: Vec<Option<Account>>,
    ) -> Vec<Said> {
        // Where a group is made, its maker is among them.
        let is_us =
            |row: Option<Account>| row.zip(self.me).is_some_and(|(row, me)| row.is_same(&me));
        let mut found = rows_of(&asked, &rows, Trust::Likely);
        let is_open = |row: &usize| !is_us(rows[*row]) && !has(&found, *row);
        let open: Vec<usize> = (0..rows.len()).filter(is_open).collect();
        let mut is_looked_up = vec![false; asked.len()];
        if found.contains(&Found::Nothing) && !open.is_empty() {
            for (is_looked_up, found) in is_looked_up.iter_mut().zip(&found) {
                *is_looked_up = *found == Found::Nothing;
            }
            let until = Instant::now() + PATIENCE;
            let people = asked.iter_mut().zip(&is_looked_up).filter(|(_, looks)| **looks);
            let people = people.map(|(asked, _)| &mut asked.account);
            let named = rows.iter_mut().enumerate().filter(|(row, _)| open.contains(row));
            let named = named.filter_map(|(_, row)| row.as_mut());
            self.add_names(people.chain(named), until).await;
            found = rows_of(&asked, &rows, Trust::Likely);
        }
        // A row that names nobody, where one person alone was asked for.
        if let ([None], [found @ Found::Nothing]) = (rows.as_slice(), found.as_mut_slice()) {
            *found = Found::At(0);
        }
        let said = asked.into_iter().zip(found).zip(is_looked_up);
        said.map(|((mut asked, found), is_looked_up)| {
            // A requested number that is another spelling is not kept beside the one in the answer.
            if let Some(named) = found.place().and_then(|row| rows[row]) {
                let is_same = named.is_same(&asked.account);
                asked.account = if is_same { named.merged_with(&asked.account) } else { named };
            }
            Said { asked, row: found.place(), is_looked_up }
        })
        .collect()
    }

    /// Adds the other name of each, where the server knows it and answers in time.
    pub(super) async fn add_names(
        &self,
        accounts: impl Iterator<Item = &mut Account>,
        until: Instant,
    ) {
        let looking =
            accounts.filter(|account| account.both_names().is_none()).map(|account| async {
                if let Ok(Ok(named)) = timeout_at(until, self.other_name(account.id())).await {
                    *account = named;
                }
            });
        futures::stream::iter(looking).for_each_concurrent(AT_ONCE, |looking| looking).await;
    }

    /// The same within the usual time.
    pub(super) async fn add_names_soon(&self, accounts: impl Iterator<Item = &mut Account>) {
        self.add_names(accounts, Instant::now() + PATIENCE).await;
    }
}

fn has(found: &[Found], row: usize) -> bool {
    found.iter().any(|found| found.place() == Some(row))
}
