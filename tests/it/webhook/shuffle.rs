//! A day's webhooks, delivered as badly as WAHA delivers them: late, in another order, more than once,
//! several at the same time, and some not at all. In the end the group is as it really is, and no change
//! became two events.

use std::sync::Arc;

use futures::StreamExt;
use prost::Message;
use wagroups::domain::clock::Clock;
use wagroups::domain::event::{Event, EventBody, FieldChange, FieldValue, JoinRequestAction};
use wagroups::domain::fold::fold;
use wagroups::domain::group::Group;
use wagroups::pb;
use wagroups::telemetry::SystemClock;

use super::busy_day::{Changes, Day, Engine, GROUP, Made, SESSION, Truth, phone};
use super::sender::Sender;
use crate::harness::service::Service;
use crate::random::chance::Chance;

const SECRET: &str = "a secret of the busy day";
const CHANGES: usize = 1_600;
/// How late a webhook may come.
const LATE_MS: usize = 10 * 60 * 1000;
const AT_ONCE: usize = 16;

fn settings(settings: &mut wagroups::config::Settings) {
    settings.waha_ingress.listen = "127.0.0.1:0".parse().ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_told_badly_ends_in_the_truth_on_sqlite() {
    let service = Service::on_sqlite_with(settings).await;
    for (seed, engine) in (1..).zip(Engine::ALL) {
        live_through(&service, engine, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_told_badly_ends_in_the_truth_on_postgres() {
    let Some(service) = Service::on_postgres_with(settings).await else { return };
    for (seed, engine) in (11..).zip(Engine::ALL) {
        live_through(&service, engine, seed).await;
    }
}

async fn live_through(service: &Service, engine: Engine, seed: u64) {
    let (what, mut chance) = (format!("{engine:?}, seed {seed}"), Chance::new(seed));
    service.create_waha_session(SESSION, SECRET).await;
    let start = service.log(SESSION).await.len();
    let sender = Sender::new(&service.webhook_url(), SECRET);
    let day = Day::of(engine, seed, SystemClock.now().as_millis(), CHANGES);

    // Losses heal only where the engine lists the whole group now and then.
    let has_losses = engine == Engine::Noweb;
    let kept: Vec<&Made> = day
        .made
        .iter()
        .filter(|made| !(has_losses && made.may_get_lost && chance.one_in(30)))
        .collect();
    assert!(kept.len() > CHANGES / 2, "{what}: {} webhooks", kept.len());
    deliver(&sender, &kept, &mut chance, &["accepted", "duplicate"]).await;

    let log: Vec<Event> = service
        .log(SESSION)
        .await
        .iter()
        .skip(start)
        .map(|event| event.to_domain().expect("an event"))
        .collect();
    assert_eq!(held(service).await, day.truth, "{what}");
    folds_to_what_is_held(&what, service, &log).await;
    no_change_is_two_events(&what, &log, &day.changes);

    deliver(&sender, &kept, &mut chance, &["duplicate"]).await;
    let again = service.log(SESSION).await.len();
    assert_eq!(again, start + log.len(), "{what}: told again, nothing happens");
    let delete = pb::DeleteSessionRequest { session: SESSION.into() };
    service.sessions().delete_session(delete).await.expect("deleted");
}

/// Delivers each once or twice, each time by up to ten minutes late.
async fn deliver(sender: &Sender, made: &[&Made], chance: &mut Chance, outcomes: &[&str]) {
    let mut deliveries: Vec<(i64, &Made)> = Vec::new();
    for made in made {
        for _ in 0..=usize::from(chance.one_in(6)) {
            let late = i64::try_from(chance.below(LATE_MS)).expect("minutes");
            deliveries.push((made.ms + late, made));
        }
    }
    deliveries.sort_by_key(|(due, _)| *due);
    let posts = deliveries.into_iter().map(|(_, made)| async move {
        let (status, answer) = sender.post(SESSION, made.body.to_string()).await;
        assert_eq!(status, 200, "{answer} to {}", made.body);
        let outcome = answer["outcome"].as_str().unwrap_or_default().to_owned();
        assert!(outcomes.contains(&&*outcome), "{outcome} to {}", made.body);
    });
    futures::stream::iter(posts).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

async fn held_group(service: &Service) -> pb::Group {
    let request = pb::GetGroupRequest {
        session: SESSION.into(),
        group_id: GROUP.into(),
        ..Default::default()
    };
    let response = service.groups().get_group(request).await.expect("the group").into_inner();
    pb::Group::decode(response.group).expect("a group")
}

async fn held(service: &Service) -> Truth {
    let group = held_group(service).await;
    assert!(!group.partial, "the group is known as a whole");
    let settings = group.settings.expect("settings");
    let members = group.participants.iter().map(|member| {
        let id = member.id.strip_suffix("@lid").and_then(|id| id.parse().ok());
        let id: u64 = id.unwrap_or_else(|| panic!("{} is no hidden id", member.id));
        let number = format!("{}@c.us", phone(id));
        assert!(
            member.phone_number_id.is_empty() || member.phone_number_id == number,
            "{} has another's number",
            member.id
        );
        (id, member.role() == pb::Role::Admin)
    });
    Truth {
        members: members.collect(),
        subject: group.subject,
        description: group.description,
        announce: settings.messages_admin_only,
        approval: settings.membership_approval,
    }
}

async fn folds_to_what_is_held(what: &str, service: &Service, log: &[Event]) {
    let mut folded = None;
    for (before, event) in log.iter().zip(log.iter().skip(1)) {
        assert_eq!(event.sequence, before.sequence.next(), "{what}: sequences have no gap");
    }
    for event in log {
        fold(&mut folded, &GROUP.parse().expect("an id"), &event.body);
    }
    let held = held_group(service).await.to_domain().expect("a group");
    assert_eq!(folded.as_deref(), Some(&held), "{what}: the state is the fold of the log");
}

/// Counts what the log says happened, in the terms of the day. A change may be missed where a later one
/// came first; none may appear more often than it happened.
fn no_change_is_two_events(what: &str, log: &[Event], happened: &Changes) {
    let mut logged = Changes::new();
    let mut known = None;
    for event in log {
        // While a group is known in parts, what an update tells beside its news is learned, not changed.
        let learns = known.as_ref().is_some_and(|group: &Arc<Group>| group.partial)
            && matches!(event.body, EventBody::Updated(_));
        fold(&mut known, &GROUP.parse().expect("an id"), &event.body);
        for change in changes_of(&event.body).into_iter().filter(|_| !learns) {
            *logged.entry(change).or_default() += 1;
        }
    }
    for (change, count) in &logged {
        let really = happened.get(change).copied().unwrap_or_default();
        assert!(
            *count <= really,
            "{what}: {change} is logged {count} times and happened {really} times"
        );
    }
    let all = |changes: &Changes| changes.values().sum::<usize>();
    // That the comparison compares something: most changes are seen.
    assert!(all(&logged) * 2 > all(happened), "{what}: {} of {}", all(&logged), all(happened));
}

fn changes_of(body: &EventBody) -> Vec<String> {
    let named = |what: &str, account: &wagroups::domain::participant::Account| {
        let lid = account.lid().map_or(0, wagroups::domain::id::Lid::get);
        format!("{what} {lid}")
    };
    match body {
        EventBody::Joined(_) => vec!["joined".into()],
        EventBody::Left(_) => vec!["left".into()],
        EventBody::ParticipantsChanged(changed) => changed
            .participants
            .iter()
            // Which change of a place it was depends on what came first: who left as an admin and came
            // back as none is demoted where the leaving comes last, and whoever is promoted in a group that
            // is known in parts joins it.
            .map(|p| named("PLACE", &p.account))
            .collect(),
        EventBody::JoinRequest(changed) => {
            // Who joins while the rejection is still on its way counts as let in: how a request ended may
            // be told wrong, but not that it ended, nor twice.
            let what = match changed.action {
                JoinRequestAction::Created => "REQUEST MADE",
                JoinRequestAction::Approved
                | JoinRequestAction::Rejected
                | JoinRequestAction::Revoked => "REQUEST ENDED",
            };
            vec![named(what, &changed.request.requester)]
        }
        EventBody::Updated(changes) => changes.iter().filter_map(field_change).collect(),
        EventBody::InviteRevoked => vec!["a new invite, which nobody made".into()],
        EventBody::Deleted(_) | EventBody::PictureChanged(_) | EventBody::SessionDeleted(_) => {
            vec![format!("{body:?}")]
        }
    }
}

fn field_change(change: &FieldChange) -> Option<String> {
    match change {
        FieldChange::Value { current: FieldValue::Subject(new), .. } => {
            Some(format!("subject {}", new.text))
        }
        FieldChange::Value { current: FieldValue::Description(new), .. } => {
            Some(format!("description {}", new.text))
        }
        FieldChange::Value { current: FieldValue::MessagesAdminOnly(new), .. } => {
            Some(format!("announce {new}"))
        }
        FieldChange::Value { current: FieldValue::MembershipApproval(new), .. } => {
            Some(format!("approval {new}"))
        }
        // Neither changes what is so: a name was learned, or a gap of ours was closed.
        FieldChange::Alias(_) | FieldChange::Completed(_) => None,
        FieldChange::Value { current: new, .. } => Some(format!("{new:?}")),
    }
}
