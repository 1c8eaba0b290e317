//! Whether commits work, and whether this process may make them.

use wagroups::domain::port::repository::EventLog;

use crate::harness::database::Database;

static FILLER: [u8; 64 * 1024] = [7; 64 * 1024];

pub async fn a_probe_is_written_by_the_process_of_the_current_epoch_only(database: &Database) {
    let repository = database.open().await;
    let first = repository.begin_epoch().await.expect("an epoch");
    assert_eq!(repository.current_epoch().await.expect("an epoch"), first);
    assert!(repository.probe(first, &FILLER).await.expect("an answer"));
    let second = repository.begin_epoch().await.expect("an epoch");
    assert_eq!(repository.current_epoch().await.expect("an epoch"), second);
    assert!(!repository.probe(first, &FILLER).await.expect("an answer"));
    assert!(repository.probe(second, &FILLER).await.expect("an answer"));
}

/// It may be written every second for hours.
pub async fn a_probe_replaces_the_last_one(database: &Database) {
    let repository = database.open().await;
    let epoch = repository.begin_epoch().await.expect("an epoch");
    for _ in 0..3 {
        assert!(repository.probe(epoch, &FILLER).await.expect("an answer"));
    }
    repository.close().await;
    // Fails where there is another row.
    database.execute("CREATE UNIQUE INDEX one_probe ON probe ((1))").await;
}
