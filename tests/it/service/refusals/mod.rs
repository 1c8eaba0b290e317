//! Every RPC and every refusal that the rules allow it, with the details that the contract promises.

pub mod calls;
mod promised;
mod single;

use std::collections::{BTreeMap, BTreeSet};

use tonic::Status;
use wagroups::pb;
use wagroups::pb::act_request::Action;
use wagroups::pb::inject_fault_request::Fault;

use self::calls::{CHANGES, LIVE_READS, PERSON, READS, Target, call, group_of, holds, operation};
use self::promised::{Promise, broken, promises};
use super::on_each_database;
use crate::harness::service::{Service, eventually, reason};

on_each_database!(each_rpc_is_refused_as_the_contract_says);

/// Reasons that this table does not reach, and the test that does, or why none can.
const ELSEWHERE: [(&str, &str); 22] = [
    ("CANCELLED", "the client's own word for a call that it gave up; nothing is answered to it"),
    ("CONCURRENT_UPDATE", "needs other processes that keep writing; src/app/writer.rs"),
    ("CONNECTION_AGED", "test: a_watch_ends_at_its_age_with_a_token"),
    (
        "DATABASE_UNAVAILABLE",
        "test: without_its_database_the_service_is_not_serving_and_says_that_nothing_was_done",
    ),
    ("DEADLINE_EXCEEDED", "test: a_deadline_ends_the_watch_with_a_token"),
    ("DRAINING", "test: an_end_is_announced_with_a_last_token"),
    ("INTERNAL", "a bug; src/middleware/panics.rs has a test of its own"),
    ("LOG_DIVERGED", "test: each_kind_of_bad_token_has_its_reason"),
    ("LOG_MISMATCH", "test: each_kind_of_bad_token_has_its_reason"),
    ("NO_OWNER", "test: a_follower_without_an_owner_reads_and_says_that_nothing_was_sent"),
    ("NOT_IMPLEMENTED", "every RPC of this contract is served"),
    ("OVERLOADED", "test: one_call_too_many_is_refused_at_once"),
    ("PERMISSION_DENIED", "test: a_key_sees_its_sessions_and_nothing_else"),
    ("REQUEST_IN_PROGRESS", "needs a second process; src/app/reservations.rs"),
    ("RESUME_TOKEN_EXPIRED", "test: a_token_older_than_retention_names_the_oldest_that_works"),
    ("START_TIME_EXPIRED", "test: a_token_older_than_retention_names_the_oldest_that_works"),
    ("TEMPORARILY_BANNED", "the simulator bans nobody"),
    ("TOO_MANY_WATCHERS", "test: one_watcher_too_many_is_refused_and_served_once_there_is_room"),
    ("UNAUTHENTICATED", "test: without_a_key_or_with_a_wrong_one_nothing_is_served"),
    ("UNSUPPORTED_BY_ENGINE", "test: whatever_would_have_to_be_asked_of_whatsapp_is_unsupported"),
    ("WEBHOOK_LIMIT_REACHED", "test: one_webhook_too_many_is_refused_until_one_is_deleted"),
    ("WEBHOOK_NOT_FOUND", "test: a_deleted_webhook_posts_no_more"),
];

/// What was refused, and what is wrong with how.
#[derive(Default)]
struct Table {
    promises: BTreeMap<String, Promise>,
    reached: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Table {
    /// The call was to be refused with one of these reasons.
    fn check<T>(&mut self, what: &str, wanted: &str, answer: Result<T, Status>) {
        let Err(status) = answer else {
            self.wrong.push(format!("{what}: was not refused with {wanted}"));
            return;
        };
        let got = reason(&status);
        if got != wanted {
            self.wrong.push(format!("{what}: {got} instead of {wanted}: {}", status.message()));
            return;
        }
        let promise = &self.promises[&got];
        let broken = broken(promise, &status);
        self.wrong.extend(broken.into_iter().map(|how| format!("{what}: {got} {how}")));
        self.reached.insert(got);
    }
}

async fn each_rpc_is_refused_as_the_contract_says(service: Service) {
    let mut table = Table { promises: promises(), ..Table::default() };
    for session in ["guest", "other"] {
        service.create_session(session).await;
    }
    who_may_what(&service, &mut table).await;
    what_goes_wrong_on_the_way(&service, &mut table).await;
    what_sessions_cannot_do(&service, &mut table).await;
    single::invites(&service, &mut table).await;
    single::groups(&service, &mut table).await;
    single::requests(&service, &mut table).await;
    single::sessions(&service, &mut table).await;
    single::watches(&service, &mut table).await;
    single::simulator(&service, &mut table).await;
    assert!(table.wrong.is_empty(), "{} wrong:\n{}", table.wrong.len(), table.wrong.join("\n"));

    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|(name, _)| (*name).into()).collect();
    let all: BTreeSet<String> = table.promises.keys().cloned().collect();
    let never: Vec<_> = all
        .iter()
        .filter(|name| !table.reached.contains(*name) && !elsewhere.contains(*name))
        .collect();
    assert!(never.is_empty(), "no case reaches {never:?}");
    let needless: Vec<_> = elsewhere.intersection(&table.reached).collect();
    assert!(
        needless.is_empty(),
        "reached here, so not to be listed as reached elsewhere: {needless:?}"
    );
}

/// The account of a session, as others name it.
pub async fn number_of(service: &Service, session: &str) -> String {
    let request = pb::GetSessionRequest { session: session.into() };
    let session = service.sessions().get_session(request).await.expect("a session").into_inner();
    session.session.and_then(|session| session.account).expect("an account").phone_number_id
}

pub async fn act(
    service: &Service,
    actor: &str,
    group_id: &str,
    action: Action,
    force: bool,
) -> Result<pb::ActResponse, Status> {
    let (actor, group_id) = (actor.to_owned(), group_id.to_owned());
    let request = pb::ActRequest { actor, group_id, force, action: Some(action) };
    Ok(service.simulator().act(request).await?.into_inner())
}

pub async fn inject(service: &Service, session: &str, operations: &[&str], fault: Fault) {
    let request = pb::InjectFaultRequest {
        session: session.into(),
        operations: operations.iter().map(|name| (*name).to_owned()).collect(),
        uses: -1,
        fault: Some(fault),
    };
    service.simulator().inject_fault(request).await.expect("a fault");
}

pub async fn clear(service: &Service) {
    let all = pb::ClearFaultsRequest { all: true, ..Default::default() };
    service.simulator().clear_faults(all).await.expect("no faults");
}

/// A group of `default` in which `guest` is an ordinary member and knows it.
pub async fn shared(service: &Service) -> String {
    let guest = number_of(service, "guest").await;
    let group = group_of(service, "default", &[&guest, PERSON]).await;
    eventually("guest hears of the group", || holds(service, "guest", &group)).await;
    group
}

async fn who_may_what(service: &Service, table: &mut Table) {
    let group = shared(service).await;
    let nowhere = "120363999999999999@g.us";
    for rpc in CHANGES.iter().chain(&LIVE_READS).chain(&["DeleteGroup"]) {
        let unknown = call(service, rpc, &Target::new("default", nowhere)).await;
        table.check(&format!("{rpc} in an unknown group"), "GROUP_NOT_FOUND", unknown);
        let stranger = call(service, rpc, &Target::new("other", &group)).await;
        let is_change = CHANGES.contains(rpc);
        let wanted = if is_change { "NOT_GROUP_MEMBER" } else { "GROUP_NOT_FOUND" };
        table.check(&format!("{rpc} by a stranger"), wanted, stranger);
        let nobody = call(service, rpc, &Target::new("no-such-session", &group)).await;
        table.check(&format!("{rpc} in an unknown session"), "SESSION_NOT_FOUND", nobody);
        let malformed = call(service, rpc, &Target::new("no such session", "x")).await;
        table.check(&format!("{rpc} with a wrong group id"), "INVALID_REQUEST", malformed);
    }
    for rpc in READS {
        let stranger = call(service, rpc, &Target::new("other", &group)).await;
        table.check(&format!("{rpc} by a stranger"), "GROUP_NOT_FOUND", stranger);
        let nobody = call(service, rpc, &Target::new("no-such-session", &group)).await;
        table.check(&format!("{rpc} in an unknown session"), "SESSION_NOT_FOUND", nobody);
    }
    let lock = pb::ChangeSettingsAction {
        info_admin_only: Some(true),
        member_add_mode: pb::MemberAddMode::Admins.into(),
        ..Default::default()
    };
    let owner = number_of(service, "default").await;
    act(service, &owner, &group, Action::ChangeSettings(lock), false).await.expect("locked");
    for rpc in CHANGES
        .iter()
        .filter(|rpc| **rpc != "LeaveGroup")
        .chain(&["ListJoinRequests", "GetInviteCode"])
    {
        let member = call(service, rpc, &Target::new("guest", &group)).await;
        table.check(&format!("{rpc} by a member"), "NOT_GROUP_ADMIN", member);
    }
    let member = call(service, "DeleteGroup", &Target::new("guest", &group)).await;
    table.check("DeleteGroup by a member", "NOT_GROUP_OWNER", member);
    let suspend = Action::Suspend(pb::SuspendAction { suspended: Some(true) });
    act(service, &owner, &group, suspend, false).await.expect("suspended");
    for rpc in CHANGES.iter().filter(|rpc| **rpc != "LeaveGroup") {
        let locked = call(service, rpc, &Target::new("default", &group)).await;
        table.check(&format!("{rpc} in a suspended group"), "GROUP_LOCKED", locked);
    }
}

async fn what_goes_wrong_on_the_way(service: &Service, table: &mut Table) {
    let group = group_of(service, "default", &[PERSON]).await;
    let second = prost_types::Duration { seconds: 7, nanos: 0 };
    for rpc in CHANGES.iter().chain(&LIVE_READS) {
        let is_change = CHANGES.contains(rpc);
        let drop = pb::DropConnectionFault { point: pb::FaultPoint::BeforeApply.into() };
        let refuse = |code| Fault::Refuse(pb::RefuseFault { code, text: String::new() });
        let lost = if is_change { "OUTCOME_UNKNOWN" } else { "ENGINE_UNAVAILABLE" };
        let cases = [
            (Fault::RateLimit(pb::RateLimitFault { backoff: Some(second) }), "RATE_LIMITED"),
            (refuse(429), "RATE_LIMITED"),
            (refuse(599), "REFUSED_BY_WHATSAPP"),
            (refuse(503), "ENGINE_UNAVAILABLE"),
            (refuse(423), "GROUP_LOCKED"),
            (Fault::DropConnection(drop), lost),
        ];
        for (fault, wanted) in cases {
            // A read whose connection breaks is tried again, and the session may be reconnecting.
            if !is_change && matches!(fault, Fault::DropConnection(_)) {
                continue;
            }
            let what = format!("{rpc} with {fault:?}");
            inject(service, "default", &[operation(rpc)], fault).await;
            let target = Target::new("default", &group);
            let failed = eventually("the session is connected", || async {
                let answer = call(service, rpc, &target).await;
                let is_starting =
                    answer.as_ref().err().is_some_and(|s| reason(s) == "SESSION_STARTING");
                (!is_starting).then_some(answer)
            });
            table.check(&what, wanted, failed.await);
            clear(service).await;
        }
    }
}

async fn what_sessions_cannot_do(service: &Service, table: &mut Table) {
    for session in ["stopped", "unlinked", "broken"] {
        service.create_session(session).await;
    }
    let mut groups = BTreeMap::new();
    for session in ["stopped", "unlinked", "broken"] {
        groups.insert(session, group_of(service, session, &[PERSON]).await);
    }
    let stop = pb::StopSessionRequest { session: "stopped".into() };
    service.sessions().stop_session(stop).await.expect("stopped");
    let unlink = pb::LogoutSessionRequest { session: "unlinked".into() };
    service.sessions().logout_session(unlink).await.expect("unlinked");
    let hour = prost_types::Duration { seconds: 3600, nanos: 0 };
    let fault = Fault::Disconnect(pb::DisconnectFault { duration: Some(hour) });
    let request = pb::InjectFaultRequest {
        session: "broken".into(),
        fault: Some(fault),
        ..Default::default()
    };
    service.simulator().inject_fault(request).await.expect("a fault");
    let states = [
        ("stopped", "SESSION_NOT_WORKING"),
        ("unlinked", "LOGGED_OUT"),
        ("broken", "SESSION_STARTING"),
    ];
    for (session, wanted) in states {
        for rpc in CHANGES.iter().chain(&LIVE_READS).chain(&["DeleteGroup"]) {
            let answer = call(service, rpc, &Target::new(session, &groups[session])).await;
            table.check(&format!("{rpc} in a session that is {session}"), wanted, answer);
        }
    }
    let refresh =
        |session: &str| pb::RefreshGroupsRequest { session: session.into(), ..Default::default() };
    for (session, wanted) in states {
        let answer = service.groups().refresh_groups(refresh(session)).await;
        table.check(&format!("RefreshGroups in a session that is {session}"), wanted, answer);
    }
    let pairing = |session: &str| pb::RequestPairingCodeRequest {
        session: session.into(),
        phone_number: PERSON.into(),
    };
    let pairings = [
        ("stopped", "SESSION_NOT_WORKING"),
        ("unlinked", "SESSION_NOT_WORKING"),
        ("broken", "SESSION_STARTING"),
        ("default", "ALREADY_LOGGED_IN"),
        ("no-such-session", "SESSION_NOT_FOUND"),
    ];
    for (session, wanted) in pairings {
        let answer = service.sessions().request_pairing_code(pairing(session)).await;
        table.check(&format!("RequestPairingCode of {session}"), wanted, answer);
    }
}

#[test]
fn the_tests_that_are_named_exist() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let mut sources = String::new();
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push_str(&std::fs::read_to_string(path).expect("a file"));
            }
        }
    }
    for (reason, where_) in ELSEWHERE {
        let Some((_, test)) = where_.split_once("test: ") else { continue };
        assert!(sources.contains(&format!("fn {test}(")), "{reason}: there is no test {test}");
    }
}
