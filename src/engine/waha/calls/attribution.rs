//! Whom each verdict of an answer is about.

use crate::domain::matching::{Asked, Found, Trust, rows_of};
use crate::domain::participant::Account;
use crate::engine::waha::carried::Carried;
use crate::engine::waha::verdict::Verdict;

/// What the answer says of one who was asked for.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// With the names that were learnt on the way.
    pub asked: Asked,
    /// `None` where nothing in the answer is about them for certain.
    pub verdict: Option<&'a Verdict>,
}

impl Carried {
    /// Finds the verdict about each by name. Where names are left on both sides the server is asked for their other
    /// names, once; what fits nobody then is about nobody.
    pub(super) async fn attribute<'a>(
        &self,
        mut asked: Vec<Asked>,
        verdicts: &'a [Verdict],
    ) -> Vec<Said<'a>> {
        let mut rows: Vec<Option<Account>> =
            verdicts.iter().map(|verdict| verdict.account).collect();
        let mut found = rows_of(&asked, &rows, Trust::Likely);
        let open_rows = open_rows(&found, rows.len());
        if found.contains(&Found::Nothing) && !open_rows.is_empty() {
            for (one, _) in
                asked.iter_mut().zip(&found).filter(|(_, found)| **found == Found::Nothing)
            {
                one.account = self.by_both_names(one.account).await;
            }
            for row in open_rows {
                if let Some(account) = rows[row] {
                    rows[row] = Some(self.by_both_names(account).await);
                }
            }
            found = rows_of(&asked, &rows, Trust::Likely);
        }
        if let ([one], [row], [found]) = (asked.as_slice(), rows.as_slice(), found.as_mut_slice())
            && *found == Found::Nothing
            && is_theirs(one, row.as_ref())
        {
            *found = Found::At(0);
        }
        let said = asked.into_iter().zip(found).map(|(mut asked, found)| {
            let verdict = found.place().map(|row| &verdicts[row]);
            // The name that was asked for is not put beside the one of the answer where it is another spelling.
            if let Some(named) = found.place().and_then(|row| rows[row]) {
                let is_same = named.is_same(&asked.account);
                asked.account = if is_same { named.merged_with(&asked.account) } else { named };
            }
            Said { asked, verdict }
        });
        said.collect()
    }

    /// As it is where the server knows no more, or cannot be asked: what was done is done.
    pub(super) async fn by_both_names(&self, account: Account) -> Account {
        if account.both_names().is_some() {
            return account;
        }
        self.other_name(account.id()).await.unwrap_or(account)
    }
}

/// Whether the one row of an answer is about the one who was asked for, though it names nobody, or by a hidden id of
/// which nothing is known. Nobody else can be meant then.
fn is_theirs(one: &Asked, row: Option<&Account>) -> bool {
    row.is_none_or(|named| named.phone().is_none() && one.account.lid().is_none())
}

fn open_rows(found: &[Found], rows: usize) -> Vec<usize> {
    let taken: Vec<usize> = found.iter().filter_map(|found| found.place()).collect();
    (0..rows).filter(|row| !taken.contains(row)).collect()
}
