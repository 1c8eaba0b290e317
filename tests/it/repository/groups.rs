//! Groups and their lists.

use std::collections::BTreeMap;

use wagroups::domain::page::{GroupOrder, GroupQuery, OrderKey};
use wagroups::domain::port::repository::{GroupPage, GroupStore, GroupWrite};
use wagroups::domain::{GroupId, Role, SessionName};
use wagroups::repository::SeaRepository;

use super::given::{
    NOW, append, at, events, group, group_id, group_with, made, member, name, query,
};
use crate::harness::database::Database;

const PLENTY: usize = 1 << 20;

async fn write(repository: &SeaRepository, session: &SessionName, groups: Vec<GroupWrite>) {
    append(repository, session, NOW, |commit| commit.groups = groups).await;
}

/// All pages of a list.
async fn listed(repository: &SeaRepository, query: &GroupQuery, limit: u32) -> Vec<GroupId> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page = repository
            .list_groups(query, cursor.as_ref(), limit, PLENTY, true)
            .await
            .expect("a page");
        assert!(page.groups.len() <= limit as usize);
        ids.extend(page.groups.into_iter().map(|group| group.id));
        let Some(next) = page.next else { return ids };
        cursor = Some(next);
    }
}

fn ids(numbers: &[u32]) -> Vec<GroupId> {
    numbers.iter().copied().map(group_id).collect()
}

pub async fn a_view_holds_the_group_and_where_the_log_stood(database: &Database) {
    let repository = database.open().await;
    let (a, b) = (made(&repository, "a").await, made(&repository, "b").await);
    append(&repository, &b, NOW, |commit| commit.events = events(4)).await;
    append(&repository, &a, at(3), |commit| {
        commit.events = events(2);
        let mut write = group_with(1, "Chess", |state| state.member_count = 9);
        write.sequence = 2.into();
        write.synced_time = at(2);
        commit.groups = vec![write];
    })
    .await;

    let page = repository.load_view(&a, &group_id(1)).await.expect("a view");

    assert_eq!((page.session_sequence, page.head, page.next), (2.into(), 6.into(), None));
    let [group] = page.groups.as_slice() else { panic!("one group") };
    assert_eq!((&group.session, &group.id, group.sequence), (&a, &group_id(1), 2.into()));
    assert_eq!((group.synced_time, group.member_count), (at(2), 9));
    let (basic, participants) = group.state.clone().expect("a state");
    assert_eq!(
        (&basic[..], &participants[..]),
        (b"basic of Chess".as_slice(), b"participants of Chess".as_slice())
    );

    for (session, number) in [(&a, 2), (&b, 1), (&name("nobody"), 1)] {
        let page = repository.load_view(session, &group_id(number)).await.expect("a view");
        assert!(page.groups.is_empty());
        assert_eq!(page.head, 6.into());
    }
}

pub async fn groups_are_listed_in_every_order_and_direction(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let b = made(&repository, "b").await;
    let with = |number, subject: &str, seconds, count| {
        group_with(number, subject, |state| {
            state.create_time = at(seconds);
            state.member_count = count;
        })
    };
    write(
        &repository,
        &a,
        vec![
            with(3, "beta", 50, 7),
            with(1, "alpha", 70, 7),
            with(5, "beta", 60, 2),
            with(2, "Zeta", 70, 7),
            with(4, "äther", 10, 300),
        ],
    )
    .await;
    write(&repository, &b, vec![group(9, "of another session")]).await;

    for (key, expected) in [
        (OrderKey::Id, [1, 2, 3, 4, 5]),
        // Case does not count.
        (OrderKey::Subject, [1, 3, 5, 2, 4]),
        (OrderKey::CreateTime, [4, 3, 5, 1, 2]),
        (OrderKey::MemberCount, [5, 1, 2, 3, 4]),
    ] {
        let mut expected = ids(&expected);
        for descending in [false, true] {
            let query = GroupQuery { order: GroupOrder { key, descending }, ..query(&a) };
            for limit in [1, 2, 3, 5, 100] {
                assert_eq!(
                    listed(&repository, &query, limit).await,
                    expected,
                    "{key:?} {descending} by {limit}"
                );
            }
            expected.reverse();
        }
    }
}

pub async fn a_list_filters_by_subject_member_role_and_change(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let mut chess = group_with(1, "Chess CLUB", |state| state.my_role = Some(Role::Superadmin));
    let mut film = group_with(2, "Film club", |state| state.my_role = Some(Role::Participant));
    let mut garden = group_with(3, "ÄRGER im Garten", |state| state.my_role = None);
    (chess.sequence, film.sequence, garden.sequence) = (5.into(), 6.into(), 7.into());
    chess.members_added = vec![member(1), member(2)];
    film.members_added = vec![member(2)];
    write(&repository, &a, vec![chess.clone(), film, garden]).await;

    let subject = |text: &str| {
        let mut query = query(&a);
        query.filter.subject_contains = Some(text.to_owned());
        query
    };
    let of_member = |number| {
        let mut query = query(&a);
        query.filter.member = Some(member(number));
        query
    };
    let roles = |roles: &[Role]| {
        let mut query = query(&a);
        query.filter.my_roles = roles.to_vec();
        query
    };
    let changed_after = |sequence| {
        let mut query = query(&a);
        query.filter.changed_after_sequence = Some(sequence);
        query
    };
    let mut combined = subject("club");
    combined.filter.member = Some(member(2));
    combined.filter.my_roles = vec![Role::Superadmin];
    for (query, expected) in [
        (subject("club"), ids(&[1, 2])),
        (subject("CHESS"), ids(&[1])),
        (subject("ärger"), ids(&[3])),
        (subject("nothing like it"), ids(&[])),
        (of_member(2), ids(&[1, 2])),
        (of_member(1), ids(&[1])),
        (of_member(3), ids(&[])),
        (roles(&[Role::Superadmin, Role::Admin]), ids(&[1])),
        (roles(&[Role::Participant]), ids(&[2])),
        (changed_after(5.into()), ids(&[2, 3])),
        (combined, ids(&[1])),
    ] {
        assert_eq!(listed(&repository, &query, 1).await, expected, "{query:?}");
        let count = repository.count_groups(&query).await.expect("a count").count;
        assert_eq!(count, expected.len() as u64, "{query:?}");
    }

    chess.members_added.clear();
    chess.members_removed = vec![member(2)];
    write(&repository, &a, vec![chess]).await;
    assert_eq!(listed(&repository, &of_member(2), 10).await, ids(&[2]));
}

pub async fn a_search_for_wildcards_finds_only_those_characters(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    write(
        &repository,
        &a,
        vec![group(1, "100% sure"), group(2, "100 sure"), group(3, "a_b"), group(4, "a\\b")],
    )
    .await;
    for (text, expected) in [("100%", [1]), ("a_b", [3]), ("\\", [4])] {
        let mut query = query(&a);
        query.filter.subject_contains = Some(text.to_owned());
        assert_eq!(listed(&repository, &query, 10).await, ids(&expected), "{text}");
    }
}

fn sizes(page: &GroupPage) -> Vec<usize> {
    page.groups
        .iter()
        .filter_map(|g| g.state.as_ref())
        .map(|(basic, rest)| basic.len() + rest.len())
        .collect()
}

pub async fn a_page_ends_at_its_byte_limit_with_one_group_at_the_least(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let sized = |number| {
        group_with(number, "sized", |state| {
            state.basic = vec![b'b'; 1_000].into();
            state.participants = vec![b'p'; 9_000].into();
        })
    };
    write(&repository, &a, (1..=5).map(sized).collect()).await;
    let query = query(&a);
    for (full, max_bytes, expected) in [
        (true, 25_000, 3),
        (true, 20_000, 2),
        (true, 1, 1),
        (true, 0, 1),
        (false, 2_500, 3),
        (false, 100_000, 5),
    ] {
        let page = repository.list_groups(&query, None, 10, max_bytes, full).await.expect("a page");
        assert_eq!(sizes(&page).len(), expected, "{full} {max_bytes}");
        assert_eq!(page.next.is_some(), expected < 5, "{full} {max_bytes}");
    }
    let first = repository.list_groups(&query, None, 10, 15_000, true).await.expect("a page");
    let second = repository
        .list_groups(&query, first.next.as_ref(), 10, 15_000, true)
        .await
        .expect("a page");
    assert_eq!(second.groups.iter().map(|g| g.id.clone()).collect::<Vec<_>>(), ids(&[3, 4]));
}

pub async fn the_last_page_has_no_cursor(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let empty = repository.list_groups(&query(&a), None, 10, PLENTY, true).await.expect("a page");
    assert!(empty.groups.is_empty() && empty.next.is_none());
    write(&repository, &a, (1..=4).map(|number| group(number, "one of four")).collect()).await;
    let exact = repository.list_groups(&query(&a), None, 4, PLENTY, true).await.expect("a page");
    assert_eq!((exact.groups.len(), exact.next), (4, None));
    let short = repository.list_groups(&query(&a), None, 3, PLENTY, true).await.expect("a page");
    assert!(short.next.is_some());
}

pub async fn a_list_by_id_under_change_has_no_duplicate_and_no_miss(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    write(&repository, &a, (1..=30).map(|number| group(number * 10, "stays")).collect()).await;
    let query = query(&a);

    let mut seen: BTreeMap<GroupId, u32> = BTreeMap::new();
    let mut cursor = None;
    let mut round = 0;
    loop {
        let page = repository
            .list_groups(&query, cursor.as_ref(), 4, PLENTY, false)
            .await
            .expect("a page");
        for group in page.groups {
            *seen.entry(group.id).or_default() += 1;
        }
        // Between the pages groups come (before and after the cursor), go, and change.
        round += 1;
        let mut changes = vec![
            group(round * 10, "renamed"),
            group(round * 40 + 5, "new"),
            group(round + 1, "before"),
        ];
        let mut left = group(150 + round * 3, "left");
        left.state = None;
        changes.push(left);
        write(&repository, &a, changes).await;
        let Some(next) = page.next else { break };
        cursor = Some(next);
    }

    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    for number in 1..=30 {
        // Those at 150 + 3n may have been left before the list came to them.
        if number * 10 < 150 || (number * 10) % 3 != 0 {
            assert!(seen.contains_key(&group_id(number * 10)), "{number}");
        }
    }
}

pub async fn a_group_that_we_left_is_loaded_but_not_listed(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    write(&repository, &a, vec![group(1, "left"), group(2, "kept")]).await;
    let mut left = group(1, "left");
    left.state = None;
    left.facts = b"{\"gone\":1}".as_slice().into();
    write(&repository, &a, vec![left]).await;

    assert_eq!(listed(&repository, &query(&a), 10).await, ids(&[2]));
    assert_eq!(repository.count_groups(&query(&a)).await.expect("a count").count, 1);
    assert!(repository.load_view(&a, &group_id(1)).await.expect("a view").groups.is_empty());
    let keys = [(a.clone(), group_id(1)), (a.clone(), group_id(2)), (a, group_id(3))];
    let mut loaded = repository.load_groups(&keys).await.expect("groups");
    loaded.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(loaded.iter().map(|g| g.id.clone()).collect::<Vec<_>>(), ids(&[1, 2]));
    assert_eq!((loaded[0].state.clone(), &loaded[0].facts[..]), (None, b"{\"gone\":1}".as_slice()));
    assert!(loaded[1].state.is_some());
    assert_eq!(&loaded[1].facts[..], b"{}");
}

pub async fn the_basic_view_leaves_the_participants_out(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    write(&repository, &a, vec![group(1, "Chess")]).await;
    for (full, expected) in [(false, b"".as_slice()), (true, b"participants of Chess".as_slice())] {
        let page =
            repository.list_groups(&query(&a), None, 10, PLENTY, full).await.expect("a page");
        let (basic, participants) = page.groups[0].state.clone().expect("a state");
        assert_eq!((&basic[..], &participants[..]), (b"basic of Chess".as_slice(), expected));
    }
}
