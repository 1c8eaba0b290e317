//! Numbers with two spellings, and the accounts that WhatsApp says they are.

use wagroups::domain::id::{Lid, PhoneNumber};
use wagroups::domain::participant::Account;
use wagroups::domain::port::repository::ReservationStore as _;
use wagroups::domain::port::spellings::{HELD_FOR, SpellingStore as _};

use super::given::{at, made, name};
use crate::harness::database::Database;

fn number(digits: u64) -> PhoneNumber {
    PhoneNumber::new(digits).expect("a number")
}

fn account(lid: u64, phone: u64) -> Account {
    Account::from_names(Lid::new(lid), PhoneNumber::new(phone)).expect("a name")
}

pub async fn what_was_told_of_a_number_is_kept_for_its_time_and_its_session(database: &Database) {
    let repository = database.open().await;
    for session in ["shop", "other"] {
        made(&repository, session).await;
    }
    let (long, short) = (number(5_547_991_110_001), number(554_791_110_001));
    let mexican = number(5_215_512_340_002);
    let (both, hidden) = (account(7, 554_791_110_001), account(8, 0));
    let (shop, other) = (name("shop"), name("other"));
    repository.keep_spelling(&shop, &[long, short, long], both, at(0)).await.expect("kept");
    repository
        .keep_spelling(&shop, &[mexican], account(0, 525_512_340_002), at(0))
        .await
        .expect("kept");
    repository.keep_spelling(&shop, &[], both, at(0)).await.expect("nothing to keep");
    // The later word counts, whichever comes last.
    repository.keep_spelling(&shop, &[mexican], hidden, at(2)).await.expect("kept");
    repository.keep_spelling(&shop, &[mexican], both, at(1)).await.expect("late");
    repository.close().await;
    // A process that starts anew finds them.
    let repository = database.open().await;
    for (session, asked, since, expected) in [
        (&shop, long, 0, Some(both)),
        (&shop, short, 0, Some(both)),
        (&shop, mexican, 0, Some(hidden)),
        (&shop, mexican, 3, None),
        (&shop, number(525_512_340_002), 0, None),
        (&other, long, 0, None),
    ] {
        let found = repository.spelling(session, asked, at(since)).await.expect("an answer");
        assert_eq!(found, expected, "{session} {asked} {since}");
    }
    // What holds no longer goes.
    let now = at(1) + HELD_FOR;
    while repository.purge(now, at(0), 1).await.expect("a purge") {}
    let long = repository.spelling(&shop, long, at(0)).await.expect("an answer");
    let mexican = repository.spelling(&shop, mexican, at(0)).await.expect("an answer");
    assert_eq!((long, mexican), (None, Some(hidden)));
}
