//! Where the simulator keeps its world.

use bytes::Bytes;
use wagroups::domain::port::world::WorldStore;

use crate::harness::database::Database;

fn entry(key: &str, value: &'static [u8]) -> (String, Option<Bytes>) {
    (key.to_owned(), Some(Bytes::from_static(value)))
}

fn loaded(entries: &[(&str, &'static [u8])]) -> Vec<(String, Bytes)> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), Bytes::from_static(value))).collect()
}

pub async fn the_world_is_loaded_as_it_was_saved(database: &Database) {
    let repository = database.open().await;
    assert!(repository.load().await.expect("the world").is_empty());
    repository
        .save(vec![entry("b", b"\x00\xff"), entry("a", b""), entry("c", b"3")])
        .await
        .expect("a save");
    repository
        .save(vec![entry("c", b"4"), ("b".to_owned(), None), ("none".to_owned(), None)])
        .await
        .expect("a save");
    repository.save(Vec::new()).await.expect("nothing to save");
    assert_eq!(repository.load().await.expect("the world"), loaded(&[("a", b""), ("c", b"4")]));

    let many = (0..2_500)
        .map(|number| (format!("many {number:04}"), Some(Bytes::from_static(b"x"))))
        .collect();
    repository.save(many).await.expect("a save");
    assert_eq!(repository.load().await.expect("the world").len(), 2_502);
    let many = (0..2_500).map(|number| (format!("many {number:04}"), None)).collect();
    repository.save(many).await.expect("a save");
    repository.close().await;
    drop(repository);
    assert_eq!(
        database.open().await.load().await.expect("the world"),
        loaded(&[("a", b""), ("c", b"4")])
    );
}

pub async fn the_last_word_on_a_key_counts(database: &Database) {
    let repository = database.open().await;
    let changes = vec![
        entry("a", b"1"),
        ("a".to_owned(), None),
        entry("a", b"2"),
        entry("b", b"1"),
        ("b".to_owned(), None),
    ];
    repository.save(changes).await.expect("a save");
    assert_eq!(repository.load().await.expect("the world"), loaded(&[("a", b"2")]));
}
