//! What gRPC refuses REST refuses, for the same reason, on every route.

use tonic::Status;
use wagroups::domain::reason::Reason;
use wagroups::pb;
use wagroups::pb::act_request::Action;
use wagroups::pb::inject_fault_request::Fault;

use super::client::{Answer, Rest};
use super::routes::{ROUTES, Route};
use super::served_on_each_database;
use crate::harness::service::{Service, reason};
use crate::service::refusals::calls::{PERSON, Target, group_of, operation};
use crate::service::refusals::{act, clear, inject, number_of, shared};

served_on_each_database!(
    each_route_refuses_for_the_reason_that_grpc_has,
    what_fails_on_the_way_fails_for_the_reason_that_grpc_has,
    invites_are_refused_for_the_reason_that_grpc_has,
);

const NOWHERE: &str = "120363999999999999@g.us";

/// What was compared, and what differed.
struct Comparison<'a> {
    service: &'a Service,
    rest: Rest,
    wrong: Vec<String>,
}

impl<'a> Comparison<'a> {
    async fn on(service: &'a Service) -> Self {
        for session in ["guest", "other"] {
            service.create_session(session).await;
        }
        Self { service, rest: Rest::new(service), wrong: Vec::new() }
    }

    /// Makes the same call both ways; whether it is refused.
    async fn both(&mut self, what: &str, route: &Route, session: &str, group_id: &str) -> bool {
        let answer = route.over_rest(&self.rest, session, &group_id.replace('@', "%40")).await;
        let grpc = route.over_grpc(self.service, &Target::new(session, group_id)).await;
        let is_refused = grpc.is_err();
        self.compare(&format!("{} {} {what}", route.method, route.path), &answer, grpc);
        is_refused
    }

    fn compare(&mut self, what: &str, answer: &Answer, grpc: Result<(), Status>) {
        let wanted = match &grpc {
            Ok(()) => (200, String::new()),
            // WAHA says that there is none, and refuses nothing.
            Err(status) if reason(status) == "PICTURE_NOT_FOUND" => (200, String::new()),
            // Nobody asks: WAHA refuses each person, and not the request.
            Err(status) if reason(status) == "JOIN_REQUEST_NOT_FOUND" => (200, String::new()),
            Err(status) => {
                let name = reason(status);
                let known = Reason::from_name(&name).expect("a reason");
                (known.waha_status(), name)
            }
        };
        let is_made = answer.status == 201 && wanted.0 == 200;
        if !is_made && answer.said() != (wanted.0, wanted.1.as_str()) {
            self.wrong.push(format!(
                "{what}: {:?}, and gRPC {wanted:?}: {}",
                answer.said(),
                answer.text
            ));
        }
    }

    fn end(self) {
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

async fn each_route_refuses_for_the_reason_that_grpc_has(service: Service) {
    let mut both = Comparison::on(&service).await;
    let group = shared(&service).await;
    for route in &ROUTES {
        assert!(both.both("in an unknown session", route, "nobody", &group).await);
        assert!(both.both("in a session of no name", route, "-", &group).await);
        if !route.is_of_a_group() {
            continue;
        }
        for id in [NOWHERE, "x", "120363000000000001@c.us", "120363@lid"] {
            assert!(both.both(&format!("of group {id}"), route, "default", id).await);
        }
        assert!(both.both("by a stranger", route, "other", &group).await);
    }
    let lock = pb::ChangeSettingsAction {
        info_admin_only: Some(true),
        member_add_mode: pb::MemberAddMode::Admins.into(),
        ..Default::default()
    };
    let owner = number_of(&service, "default").await;
    act(&service, &owner, &group, Action::ChangeSettings(lock), false).await.expect("locked");
    let mut refused = 0;
    for route in ROUTES.iter().filter(|route| route.is_of_a_group() && route.rpc != "LeaveGroup") {
        let is_refused = both.both("by a member", route, "guest", &group).await;
        assert!(is_refused || !route.is_change(), "{} {}", route.method, route.path);
        refused += usize::from(is_refused);
    }
    // All changes but leaving; invite code, requests to join, and the picture that is not there.
    assert_eq!(refused, 20);
    sessions_that_cannot(&mut both).await;
    let suspend = Action::Suspend(pb::SuspendAction { suspended: Some(true) });
    act(&service, &owner, &group, suspend, false).await.expect("suspended");
    let spared = ["LeaveGroup", "DeleteGroup", "GetGroupPicture"];
    for route in ROUTES.iter().filter(|r| r.is_of_a_group() && !spared.contains(&r.rpc)) {
        let is_refused = both.both("in a suspended group", route, "default", &group).await;
        assert!(is_refused || !route.is_change(), "{} {}", route.method, route.path);
    }
    both.end();
}

async fn sessions_that_cannot(both: &mut Comparison<'_>) {
    let service = both.service;
    let mut groups = Vec::new();
    for session in ["stopped", "unlinked", "broken"] {
        service.create_session(session).await;
        groups.push((session, group_of(service, session, &[PERSON]).await));
    }
    let mut sessions = service.sessions();
    let stop = pb::StopSessionRequest { session: "stopped".into() };
    sessions.stop_session(stop).await.expect("stopped");
    let unlink = pb::LogoutSessionRequest { session: "unlinked".into() };
    sessions.logout_session(unlink).await.expect("unlinked");
    let hour = prost_types::Duration { seconds: 3600, nanos: 0 };
    let disconnect = Fault::Disconnect(pb::DisconnectFault { duration: Some(hour) });
    let request = pb::InjectFaultRequest {
        session: "broken".into(),
        fault: Some(disconnect),
        ..Default::default()
    };
    service.simulator().inject_fault(request).await.expect("a fault");
    for (session, group) in &groups {
        for route in &ROUTES {
            let what = format!("in a session that is {session}");
            let is_refused = both.both(&what, route, session, group).await;
            assert!(is_refused || !route.is_change(), "{} {} {what}", route.method, route.path);
        }
    }
}

async fn what_fails_on_the_way_fails_for_the_reason_that_grpc_has(service: Service) {
    let mut both = Comparison::on(&service).await;
    let group = group_of(&service, "default", &[PERSON]).await;
    let minute = Some(prost_types::Duration { seconds: 61, nanos: 0 });
    let refuse = |code| Fault::Refuse(pb::RefuseFault { code, text: "no".into() });
    for route in ROUTES.iter().filter(|route| route.is_change() && route.rpc != "DeleteGroup") {
        let faults = [
            (Fault::RateLimit(pb::RateLimitFault { backoff: minute }), "61"),
            (refuse(599), ""),
            (refuse(503), ""),
        ];
        for (fault, retry_after) in faults {
            let what = format!("with {fault:?}");
            inject(&service, "default", &[operation(route.rpc)], fault).await;
            let answer = route.over_rest(&both.rest, "default", &group).await;
            if !retry_after.is_empty() {
                let seconds = answer.header("retry-after");
                assert!(["60", retry_after].contains(&seconds), "{what}: {answer:?}");
            }
            assert!(both.both(&what, route, "default", &group).await, "{what}");
            clear(&service).await;
        }
    }
    both.end();
}

async fn invites_are_refused_for_the_reason_that_grpc_has(service: Service) {
    let mut both = Comparison::on(&service).await;
    let group = shared(&service).await;
    let owner = number_of(&service, "default").await;
    let code = code_of(&service, &group).await;
    both.invite("of a member", "guest", &code, "ALREADY_MEMBER").await;
    both.invite("that nobody has", "other", "AAAAAAAAAAAAAAAAAAAAAA", "INVITE_INVALID").await;
    both.invite("that is none", "other", "no code", "INVALID_REQUEST").await;
    let elsewhere = format!("https://example.com/{code}");
    both.invite("of another host", "other", &elsewhere, "INVALID_REQUEST").await;
    let revoke = Action::RevokeInvite(pb::RevokeInviteAction {});
    act(&service, &owner, &group, revoke, false).await.expect("revoked");
    both.invite("that is revoked", "other", &code, "INVITE_REVOKED").await;
    let participant_ids = vec![number_of(&service, "guest").await];
    let remove = Action::RemoveParticipants(pb::RemoveParticipantsAction { participant_ids });
    act(&service, &owner, &group, remove, false).await.expect("removed");
    let code = code_of(&service, &group).await;
    both.invite("of who was removed", "guest", &code, "RECENTLY_REMOVED").await;
    both.end();
}

async fn code_of(service: &Service, group: &str) -> String {
    let request = pb::GetWorldGroupRequest { group_id: group.into(), ..Default::default() };
    service.simulator().get_world_group(request).await.expect("a group").into_inner().invite_code
}

impl Comparison<'_> {
    /// Looks behind an invite and joins by it, both ways; joining must be refused for this reason.
    async fn invite(&mut self, what: &str, session: &str, code: &str, wanted: &str) {
        let rest = self.rest.of_session(session);
        let mut groups = self.service.groups();
        let invite = Some(pb::get_join_info_request::Invite::InviteCode(code.into()));
        let request = pb::GetJoinInfoRequest { session: session.into(), invite };
        let grpc = groups.get_join_info(request).await.map(drop);
        let query: String = url::form_urlencoded::byte_serialize(code.as_bytes()).collect();
        let answer = rest.get(&format!("/join-info?code={query}")).await;
        self.compare(&format!("join-info of an invite {what}"), &answer, grpc);

        let invite = Some(pb::join_group_request::Invite::InviteCode(code.into()));
        let request =
            pb::JoinGroupRequest { session: session.into(), invite, ..Default::default() };
        let grpc = groups.join_group(request).await.map(drop);
        let answer = rest.post("/join", serde_json::json!({ "code": code })).await;
        assert_eq!(answer.reason(), wanted, "{what}: {answer:?}");
        self.compare(&format!("join by an invite {what}"), &answer, grpc);
    }
}
