//! Deletions of groups that are under way.

use wagroups::domain::port::repository::{Deletion, DeletionStore};
use wagroups::domain::trace_context::TraceContext;

use super::given::{at, made, name};
use crate::harness::database::Database;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub fn deletion(group: &str, removed_count: u32, started: i64) -> Deletion {
    Deletion {
        session: name("a"),
        group_id: group.parse().expect("a group id"),
        key_name: "team".to_owned(),
        request_id: "0190a5a4-7b1c-7c2e-8f3a-0123456789ab".parse().ok(),
        trace: TraceContext::parse(PARENT, "vendor=1"),
        removed_count,
        start_time: at(started),
    }
}

pub async fn a_deletion_is_kept_until_it_ends(database: &Database) {
    let repository = database.open().await;
    made(&repository, "a").await;
    let (first, mut second) =
        (deletion("1203630001@g.us", 0, 1), deletion("1203630002@g.us", 0, 0));
    second.trace = None;
    repository.put_deletion(&first).await.expect("begun");
    repository.put_deletion(&second).await.expect("begun");
    assert_eq!(repository.deletions().await.expect("deletions"), [second.clone(), first.clone()]);

    // How far it is changes; whose it is and when it began do not.
    let further = Deletion { removed_count: 64, start_time: at(9), ..first.clone() };
    repository.put_deletion(&further).await.expect("noted");
    let known = Deletion { removed_count: 64, ..first.clone() };
    assert_eq!(repository.deletions().await.expect("deletions"), [second.clone(), known]);

    repository.remove_deletion(&first.session, &first.group_id).await.expect("ended");
    repository.remove_deletion(&first.session, &first.group_id).await.expect("ended before");
    assert_eq!(repository.deletions().await.expect("deletions"), [second]);
}
