//! Whom a row of an answer is about: WhatsApp may name people otherwise than they were asked for, by their hidden ids
//! or by another spelling of their numbers, and in another order.
//!
//! Rows are matched by the names that are known, never by place: two people who change places would each get the
//! result, and the private invite, of the other.

use super::id::{Likeness, ParticipantId};
use super::participant::Account;

/// Somebody who was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub requested: ParticipantId,
    /// With every name that is known of them.
    pub account: Account,
}

impl Asked {
    pub fn new(requested: ParticipantId) -> Self {
        Self { requested, account: Account::new(requested) }
    }

    pub fn known_as(requested: ParticipantId, account: Account) -> Self {
        Self { requested, account }
    }

    /// Whether they may be named so: by one of their names, or by another spelling of a line that is theirs.
    pub fn goes_by(&self, named: &Account) -> bool {
        self.fit(named) >= Fit::Spelling
    }

    /// How surely a name in an answer is theirs.
    fn fit(&self, named: &Account) -> Fit {
        // One hidden id is one person, and two are two, whatever the digits say.
        match self.account.lid().or(self.requested.lid()).zip(named.lid()) {
            Some((own, other)) if own == other => return Fit::Name,
            Some(_) => return Fit::None,
            None if named.goes_by(self.requested) => return Fit::Name,
            None if self.account.is_same(named) => return Fit::Name,
            None => {}
        }
        let phones = [self.requested.phone(), self.account.phone()];
        let likeness = named.phone().and_then(|named| {
            phones.into_iter().flatten().map(|phone| phone.likeness(named)).max()
        });
        match likeness {
            Some(Likeness::Same) => Fit::Spelling,
            // Whose hidden id is known is found by it.
            Some(Likeness::Maybe) if self.account.lid().is_none() => Fit::Maybe,
            Some(Likeness::Maybe | Likeness::Different) | None => Fit::None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    None,
    Maybe,
    Spelling,
    Name,
}

/// What was found for one who was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The row at this place.
    At(usize),
    /// Several rows fit as well: none of them may be taken.
    Ambiguous,
    Nothing,
}

impl Found {
    pub fn place(self) -> Option<usize> {
        match self {
            Self::At(place) => Some(place),
            Self::Ambiguous | Self::Nothing => None,
        }
    }
}

/// How much may be taken for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Names, and spellings that are one line by the numbering plan.
    Certain,
    /// Also spellings that may be one line, where nothing else fits.
    Likely,
}

/// Whether these rows are of one account: two hidden ids are two, though one had the number after the other.
fn are_one(rows: &[Option<Account>], first: usize, others: &[usize]) -> bool {
    let lid = |row: usize| rows.get(row).copied().flatten().and_then(|account| account.lid());
    others.iter().all(|other| lid(first).zip(lid(*other)).is_none_or(|(one, two)| one == two))
}

/// The row about each who was asked for; `None` among the rows is one that names nobody.
pub fn rows_of(asked: &[Asked], rows: &[Option<Account>], trust: Trust) -> Vec<Found> {
    let mut found = vec![Found::Nothing; asked.len()];
    let mut is_taken = vec![false; rows.len()];
    for fit in [Fit::Name, Fit::Spelling, Fit::Maybe] {
        if fit == Fit::Maybe && trust == Trust::Certain {
            break;
        }
        let fitting = |one: &Asked| -> Vec<usize> {
            let fits = |row: &Option<Account>| row.is_some_and(|named| one.fit(&named) == fit);
            rows.iter().enumerate().filter(|(_, row)| fits(row)).map(|(at, _)| at).collect()
        };
        let mut taken = Vec::new();
        for (found, one) in
            found.iter_mut().zip(asked).filter(|(found, _)| **found == Found::Nothing)
        {
            *found = match (fit, fitting(one).as_slice()) {
                (_, []) => Found::Nothing,
                // Several rows of one account: the first one stands for all.
                (Fit::Name, [first, others @ ..]) if are_one(rows, *first, others) => {
                    Found::At(*first)
                }
                (Fit::Maybe, [row]) if is_taken[*row] => Found::Nothing,
                (_, [row]) => Found::At(*row),
                (_, [_, _, ..]) => Found::Ambiguous,
            };
            taken.extend(found.place());
        }
        if fit == Fit::Maybe {
            // A row that may be about two is about neither for certain.
            for at in &mut found {
                let is_shared =
                    |place: usize| taken.iter().filter(|one| **one == place).count() > 1;
                if at.place().is_some_and(|place| !is_taken[place] && is_shared(place)) {
                    *at = Found::Ambiguous;
                }
            }
        }
        for place in taken {
            is_taken[place] = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::id::{Lid, PhoneNumber};

    fn id(text: &str) -> ParticipantId {
        text.parse().expect("an id")
    }

    fn row(lid: u64, phone: u64) -> Option<Account> {
        Account::from_names(Lid::new(lid), PhoneNumber::new(phone))
    }

    fn places(asked: &[&str], rows: &[Option<Account>]) -> Vec<Found> {
        let asked: Vec<Asked> = asked.iter().map(|text| Asked::new(id(text))).collect();
        rows_of(&asked, rows, Trust::Likely)
    }

    #[test]
    fn people_are_found_by_their_names_in_any_order() {
        let asked = ["4915100000001", "222@lid"];
        let rows = [row(222, 0), row(111, 4_915_100_000_001)];
        assert_eq!(places(&asked, &rows), [Found::At(1), Found::At(0)]);
        // Nobody takes the place of another.
        let rows = [row(333, 0), row(444, 0)];
        assert_eq!(places(&asked, &rows), [Found::Nothing; 2]);
        assert_eq!(places(&asked, &[None, None]), [Found::Nothing; 2]);
    }

    #[test]
    fn spellings_are_found_unless_hidden_ids_tell_them_apart() {
        let asked = ["5511987654321", "5511991112222"];
        let rows = [row(0, 551_191_112_222), row(0, 551_187_654_321)];
        assert_eq!(places(&asked, &rows), [Found::At(1), Found::At(0)]);
        let one = Asked::known_as(id("5511987654321"), row(1, 5_511_987_654_321).expect("names"));
        let rows = [row(2, 551_187_654_321)];
        assert_eq!(rows_of(&[one], &rows, Trust::Likely), [Found::Nothing]);
    }

    #[test]
    fn a_spelling_that_may_be_anothers_is_taken_where_nothing_else_fits() {
        let (mobile, fixed) = (row(0, 5_491_123_456_789), row(0, 541_123_456_789));
        assert_eq!(places(&["5491123456789"], &[fixed]), [Found::At(0)]);
        assert_eq!(places(&["5491123456789"], &[fixed, mobile]), [Found::At(1)]);
        // The row is the other's by name.
        let both = ["5491123456789", "541123456789"];
        assert_eq!(places(&both, &[fixed]), [Found::Nothing, Found::At(0)]);
        let asked = [Asked::new(id("5491123456789"))];
        assert_eq!(rows_of(&asked, &[fixed], Trust::Certain), [Found::Nothing]);
    }

    #[test]
    fn two_that_fit_are_never_guessed() {
        let rows = [row(0, 2_250_712_345_678), row(0, 2_250_512_345_678)];
        assert_eq!(places(&["22512345678"], &rows), [Found::Ambiguous]);
        let asked = ["2250712345678", "2250512345678"];
        assert_eq!(places(&asked, &[row(0, 22_512_345_678)]), [Found::Ambiguous; 2]);
    }

    proptest! {
        /// Whatever the order, an account named by one of its names gets its own row and no other.
        #[test]
        fn nobody_gets_the_row_of_another(
            people in prop::collection::btree_map(1_u64..1000, 4_915_100_000_000_u64..4_915_100_000_999, 1..12),
            by_lid in prop::collection::vec(any::<bool>(), 12),
            shift in 0_usize..12,
        ) {
            let accounts: Vec<Account> = people
                .iter()
                .filter_map(|(lid, phone)| row(*lid, *phone))
                .collect();
            let asked: Vec<Asked> = accounts
                .iter()
                .zip(&by_lid)
                .map(|(account, by_lid)| {
                    let names: Vec<ParticipantId> = account.names().collect();
                    Asked::new(names[usize::from(!by_lid)])
                })
                .collect();
            let mut rows: Vec<Option<Account>> = accounts.iter().copied().map(Some).collect();
            let shift = shift % rows.len();
            rows.rotate_left(shift);
            for (at, found) in rows_of(&asked, &rows, Trust::Likely).into_iter().enumerate() {
                // Two people may have had one number, one after the other.
                let number = asked[at].requested.phone();
                let has_it = |account: &&Account| account.phone() == number;
                if number.is_some() && accounts.iter().filter(has_it).count() > 1 {
                    prop_assert_eq!(found, Found::Ambiguous);
                    continue;
                }
                let place = found.place().expect("everybody is there");
                prop_assert_eq!(rows[place].expect("a row"), accounts[at]);
            }
        }
    }

    #[test]
    fn somebody_goes_by_their_names_and_by_other_spellings_of_a_line_that_is_theirs() {
        let named = |account: Option<Account>| account.expect("names");
        let brazilian = Asked::new(id("5511987654321"));
        assert!(brazilian.goes_by(&named(row(0, 5_511_987_654_321))));
        assert!(brazilian.goes_by(&named(row(0, 551_187_654_321))));
        assert!(!brazilian.goes_by(&named(row(0, 551_187_654_322))));
        // The fixed line of the same digits may be somebody else's.
        assert!(!Asked::new(id("5491123456789")).goes_by(&named(row(0, 541_123_456_789))));
        let hidden = Asked::known_as(id("222@lid"), named(row(222, 4_915_100_000_001)));
        assert!(hidden.goes_by(&named(row(222, 0))));
        assert!(hidden.goes_by(&named(row(0, 4_915_100_000_001))));
        assert!(!hidden.goes_by(&named(row(333, 4_915_100_000_001))));
    }

    #[test]
    fn whose_hidden_id_is_known_is_not_guessed_by_a_spelling() {
        let both = row(7, 5_491_123_456_789).expect("names");
        let asked = Asked::known_as(id("5491123456789"), both);
        let fixed = row(0, 541_123_456_789);
        assert_eq!(rows_of(&[asked], &[fixed], Trust::Likely), [Found::Nothing]);
    }

    #[test]
    fn a_name_comes_before_a_spelling_whichever_name_was_asked_for() {
        let (long, short) = (row(0, 5_511_987_654_321), row(0, 551_187_654_321));
        let both = row(222, 5_511_987_654_321).expect("names");
        for requested in ["222@lid", "5511987654321"] {
            let asked = Asked::known_as(id(requested), both);
            assert_eq!(rows_of(&[asked], &[short, long], Trust::Likely), [Found::At(1)]);
        }
    }

    #[test]
    fn what_is_certain_is_found_without_any_guess() {
        let asked = ["4915100000001", "5511987654321"].map(|text| Asked::new(id(text)));
        let rows = [row(0, 551_187_654_321), row(1, 4_915_100_000_001)];
        assert_eq!(rows_of(&asked, &rows, Trust::Certain), [Found::At(1), Found::At(0)]);
    }

    #[test]
    fn several_rows_of_one_account_are_its_first_and_those_of_two_are_nobody_s() {
        let asked = [Asked::new(id("4915100000001"))];
        let found = |rows: &[Option<Account>]| rows_of(&asked, rows, Trust::Likely);
        let number = 4_915_100_000_001;
        assert_eq!(found(&[None, row(7, number), row(0, number)]), [Found::At(1)]);
        assert_eq!(found(&[row(7, number), row(7, number)]), [Found::At(0)]);
        assert_eq!(found(&[row(7, number), row(8, number)]), [Found::Ambiguous]);
        assert_eq!(Found::At(3).place(), Some(3));
        assert_eq!((Found::Ambiguous.place(), Found::Nothing.place()), (None, None));
    }
}
