//! Numbers that have two spellings: WhatsApp is asked once by which one it knows the account.

use wagroups::domain::id::PhoneNumber;
use wagroups::pb;

use super::scene::Scene;

/// Registered before Brazil lengthened its numbers.
const LONG: &str = "5547991110001@c.us";
const SHORT: &str = "554791110001@c.us";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_whatsapp_has_told_of_a_number_is_asked_once_also_after_a_restart() {
    let mut scene = Scene::usual().await;
    scene.working("shop").await;
    let number = |id: &str| -> PhoneNumber { id.parse().expect("a number") };
    scene.server().register_as(number(LONG), number(SHORT));
    let group_id = scene.group_id("shop", &[]).await;
    let questions = |scene: &Scene| scene.asked("GET", "/check-exists");
    let added = scene.add(&group_id, &[LONG]).await;
    assert_eq!(added[0].status(), pb::ParticipantStatus::Ok);
    assert_eq!(questions(&scene), 1);
    // The spelling that was told is one of which WhatsApp has told.
    for asked in [SHORT, LONG] {
        let added = scene.add(&group_id, &[asked]).await;
        assert_eq!(added[0].status(), pb::ParticipantStatus::AlreadyMember, "{asked}");
    }
    assert_eq!(questions(&scene), 1);
    scene.service.restart().await;
    scene.until("shop", pb::SessionStatus::Working).await;
    for asked in [SHORT, LONG] {
        let added = scene.add(&group_id, &[asked]).await;
        assert_eq!(added[0].status(), pb::ParticipantStatus::AlreadyMember, "{asked}");
    }
    assert_eq!(questions(&scene), 1);
}
