//! The list of groups: WAHA's query, and that nothing is missing or comes twice, however many there are.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wagroups::config::RestShape;
use wagroups::pb;

use super::client::{Answer, Rest};
use super::{listening, served_on_each_database};
use crate::harness::service::{Service, eventually};
use crate::service::refusals::number_of;

served_on_each_database!(
    limit_and_offset_cut_the_list_as_waha_does,
    groups_are_sorted_by_id_or_subject,
    participants_can_be_left_out,
    groups_are_found_by_a_part_of_their_subject,
    a_path_may_end_with_a_slash,
    more_groups_than_a_page_are_listed_whole,
);

const GROUPS: usize = 30;
/// More than a page of the database, which has 1000.
const MANY: usize = 1100;

#[track_caller]
fn ids(answer: &Answer) -> Vec<String> {
    let listed = answer.ok();
    let listed = listed.as_array().expect("a list");
    listed.iter().map(|group| group["id"].as_str().expect("an id").to_owned()).collect()
}

/// Groups with these subjects, which are in another order than their ids.
async fn with_groups(service: &Service) -> Rest {
    for number in 0..GROUPS {
        let people = ["4915120000001", "4915120000002"];
        service.create_group(&format!("Group {:02}", number * 7 % GROUPS), &people).await;
    }
    Rest::new(service)
}

async fn limit_and_offset_cut_the_list_as_waha_does(service: Service) {
    let rest = with_groups(&service).await;
    let all = ids(&rest.get("").await);
    assert_eq!(all.len(), GROUPS);
    assert!(all.is_sorted(), "by id where nothing is said");
    // Without a limit the offset says nothing, and a limit of 0 is none.
    for query in [
        "limit=0",
        "offset=10",
        "limit=0&offset=10",
        "limit=1000000",
        "limit=30",
        "limit=99999999999999999999",
    ] {
        assert_eq!(ids(&rest.get(&format!("?{query}")).await), all, "{query}");
    }
    for (limit, offset) in
        [(1, 0), (7, 0), (7, 7), (7, 28), (10, 29), (10, 30), (10, 1000), (29, 1)]
    {
        let answer = rest.get(&format!("?limit={limit}&offset={offset}")).await;
        let wanted: Vec<_> = all.iter().skip(offset).take(limit).cloned().collect();
        assert_eq!(ids(&answer), wanted, "{limit} from {offset}");
        assert_eq!(answer.header("x-total-count"), GROUPS.to_string());
    }
    for limit in [1, 4, 7, 30] {
        let mut paged = Vec::new();
        while paged.len() < GROUPS {
            let page = ids(&rest.get(&format!("?limit={limit}&offset={}", paged.len())).await);
            assert!(!page.is_empty() && page.len() <= limit);
            paged.extend(page);
        }
        assert_eq!(paged, all, "pages of {limit}");
    }
}

async fn groups_are_sorted_by_id_or_subject(service: Service) {
    let rest = with_groups(&service).await;
    for (key, query) in [("id", "sortBy=id"), ("subject", "sortBy=subject"), ("id", "")] {
        for (order, descends) in [
            ("", false),
            ("&sortOrder=asc", false),
            ("&sortOrder=desc", true),
            // WAHA takes any text.
            ("&sortOrder=DESC", true),
            ("&sortOrder=upwards", false),
        ] {
            let answer = rest.get(&format!("?{query}{order}&limit=20&offset=5")).await;
            let whole = rest.get(&format!("?{query}{order}")).await.ok();
            let whole = whole.as_array().expect("a list");
            let keys: Vec<&str> = whole.iter().map(|g| g[key].as_str().expect("a text")).collect();
            let is_sorted =
                keys.windows(2).all(|w| if descends { w[0] > w[1] } else { w[0] < w[1] });
            assert!(is_sorted && keys.len() == GROUPS, "{query}{order}: {keys:?}");
            assert_eq!(answer.ok(), Value::Array(whole[5..25].to_vec()), "{query}{order}");
        }
    }
}

async fn participants_can_be_left_out(service: Service) {
    let rest = with_groups(&service).await;
    let whole = rest.get("").await.ok();
    for query in ["exclude=participants", "exclude=&exclude=participants"] {
        let mut without = rest.get(&format!("?{query}")).await.ok();
        assert_eq!(without.as_array().map(Vec::len), Some(GROUPS));
        for (without, whole) in without
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .zip(whole.as_array().expect("a list"))
        {
            assert_eq!(without.get("participants"), None);
            // How many there are is told all the same.
            let size = without.as_object_mut().and_then(|group| group.remove("size"));
            assert_eq!(size, Some(json!(3)));
            without["participants"] = whole["participants"].clone();
            assert_eq!(without, whole, "nothing else is left out");
        }
    }
    assert_eq!(rest.get("?exclude=").await.ok(), whole);
    assert_eq!(whole[0]["participants"].as_array().map(Vec::len), Some(3));
}

async fn groups_are_found_by_a_part_of_their_subject(service: Service) {
    let rest = with_groups(&service).await;
    rest.create("100 % Größe_", &[]).await;
    for (search, count) in [
        ("group", GROUPS),
        ("GROUP%201", 10),
        ("up%2007", 1),
        ("%25", 1),
        ("_", 1),
        ("größe", 1),
        ("x", 0),
    ] {
        let answer = rest.get(&format!("?search={search}")).await;
        assert_eq!(ids(&answer).len(), count, "{search}");
        assert_eq!(answer.header("x-total-count"), count.to_string(), "{search}");
    }
    let page = rest.get("?search=group&sortBy=subject&limit=2&offset=3&exclude=participants").await;
    assert_eq!(page.header("x-total-count"), GROUPS.to_string());
    let page = page.ok();
    assert_eq!(
        (&page[0]["subject"], &page[1]["subject"]),
        (&json!("Group 03"), &json!("Group 04"))
    );
    assert_eq!(ids(&rest.get("?search=").await).len(), GROUPS + 1);
    let long = rest.get(&format!("?search={}", "x".repeat(101))).await;
    assert_eq!(long.said(), (400, "INVALID_REQUEST"));
    assert_eq!(long.json()["message"], json!(["search must have at most 100 characters"]));
}

/// As Express takes it.
async fn a_path_may_end_with_a_slash(service: Service) {
    let rest = Rest::new(&service);
    let (_, id) = rest.create("Team", &["4915120000001"]).await;
    assert_eq!(ids(&rest.get("/?limit=1").await), [id.as_str()]);
    assert_eq!(rest.get(&format!("/{id}/")).await.ok()["id"], json!(id));
    assert_eq!(
        rest.get(&format!("/{id}/participants/")).await.ok().as_array().map(Vec::len),
        Some(2)
    );
    let renamed = rest.put(&format!("/{id}/subject/"), json!({ "subject": "Crew" })).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    assert_eq!(rest.get("/count//").await.status, 404);
}

async fn more_groups_than_a_page_are_listed_whole(service: Service) {
    let rest = Rest::new(&service);
    let me = number_of(&service, "default").await;
    for number in 0..MANY {
        let action = pb::act_request::Action::CreateGroup(pb::CreateGroupAction {
            subject: format!("Group {:04}", number * 7 % MANY),
            participant_ids: vec![me.clone()],
            addressing_mode: pb::AddressingMode::Lid.into(),
        });
        let (actor, action) = ("4915120000001".to_owned(), Some(action));
        let request = pb::ActRequest { actor, action, ..Default::default() };
        service.simulator().act(request).await.expect("a group");
    }
    eventually("all are known", || async {
        let count = rest.get("/count").await.ok();
        (count == json!({ "count": MANY })).then_some(())
    })
    .await;
    let answer = rest.get("").await;
    assert_eq!(answer.header("x-total-count"), MANY.to_string());
    let all = ids(&answer);
    assert_eq!(all.len(), MANY);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
    for query in ["sortBy=subject", "sortBy=subject&sortOrder=desc", "exclude=participants"] {
        let listed = ids(&rest.get(&format!("?{query}")).await);
        assert_eq!(listed.len(), MANY, "{query}");
        assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), MANY, "{query}");
    }
    for (limit, offset) in [(1050, 0), (1000, 50), (5, 1000), (50, 1010), (200, 1050), (3, 999)] {
        let listed = ids(&rest.get(&format!("?limit={limit}&offset={offset}")).await);
        let wanted: Vec<_> = all.iter().skip(offset).take(limit).cloned().collect();
        assert_eq!(listed, wanted, "{limit} from {offset}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_is_empty_in_each_shape() {
    for (shape, empty) in
        [(RestShape::Normalized, "[]"), (RestShape::Gows, "[]"), (RestShape::Noweb, "{}")]
    {
        let service = Service::on_sqlite_with(|settings| {
            listening(settings);
            settings.rest.shape = shape;
        });
        let service = service.await;
        let rest = Rest::new(&service);
        for query in ["", "?limit=5", "?limit=5&offset=3"] {
            let answer = rest.get(query).await;
            answer.ok();
            assert_eq!((answer.text.as_str(), answer.header("x-total-count")), (empty, "0"));
        }
    }
}
