//! A group's settings, each by itself.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;

use super::RestState;
use super::group_routes::read;
use super::openapi::{Body, Tag, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{changed, json, text};
use super::route::{Route, at, get, put};
use crate::domain::group::MemberAddMode;
use crate::domain::operation::ChangeSetting;
use crate::domain::setting::Setting;
use crate::pb;

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let path = |name: &str| at(&format!("/{{id}}/settings/security/{name}"));
    let read = |id, summary, schema| {
        says(id, Tag::Settings, summary).answers(200, "As it is set.", Body::Json(schema))
    };
    let write = |id, summary, schema, done| {
        says(id, Tag::Settings, summary).takes(schema).changes().answers(200, "It is set.", done)
    };
    let (only, add, ask, share) =
        ("AdminsOnly", "MemberAddMode", "MembershipApproval", "MemberShareHistory");
    let (info, messages, mode, approval, history) = (
        path("info-admin-only"),
        path("messages-admin-only"),
        path("member-add-mode"),
        path("membership-approval"),
        path("member-share-history-mode"),
    );
    let all = Body::Text("true");
    vec![
        get(
            &info,
            info_admin_only,
            read("getInfoAdminOnly", "Who may change subject, description and picture", only),
        ),
        put(
            &info,
            set_info_admin_only,
            write(
                "setInfoAdminOnly",
                "Set who may change subject, description and picture",
                only,
                Body::Done,
            ),
        ),
        get(&messages, messages_admin_only, read("getMessagesAdminOnly", "Who may write", only)),
        put(
            &messages,
            set_messages_admin_only,
            write("setMessagesAdminOnly", "Set who may write", only, Body::Done),
        ),
        get(&mode, member_add_mode, read("getMemberAddMode", "Who may add people", add)),
        put(
            &mode,
            set_member_add_mode,
            write("setMemberAddMode", "Set who may add people", add, Body::Done),
        ),
        get(
            &approval,
            membership_approval,
            read("getMembershipApproval", "Whether admins let people in", ask),
        ),
        put(
            &approval,
            set_membership_approval,
            write("setMembershipApproval", "Set whether admins let people in", ask, all),
        ),
        get(
            &history,
            member_share_history,
            read("getMemberShareHistory", "Who may share what was said before", share),
        ),
        put(
            &history,
            set_member_share_history,
            write("setMemberShareHistory", "Set who may share what was said before", share, all),
        ),
    ]
}

const ADMINS_ONLY: &str = "adminsOnly";
const CAN_ADD: &str = "membersCanAddNewMember";
const APPROVAL: &str = "newMembersApprovalRequired";
const SHARE_HISTORY: &str = "membersCanShareHistory";

async fn read_setting(
    gateway: &RestState,
    mut incoming: Incoming,
    field: &str,
    value: impl Fn(&pb::GroupSettings) -> bool,
) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let group = read(gateway, &incoming, &session, &group_id).await;
    let group = group.map_err(|error| incoming.refuse(error))?;
    Ok(json(&BTreeMap::from([(field, value(&group.settings.unwrap_or_default()))])))
}

/// The two that came last to WAHA say it on all engines.
fn said() -> Response {
    text("true")
}

async fn set_setting(
    gateway: &RestState,
    mut incoming: Incoming,
    field: &str,
    setting: impl Fn(bool) -> Setting,
    done: impl FnOnce() -> Response,
) -> Answered {
    let target = incoming.target();
    let flag = incoming.flag(field);
    let (target, flag) = incoming.finish(target.zip(flag))?;
    let setting = setting(flag);
    let mutation = target.mutation(|group_id| ChangeSetting { group_id, setting });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, done()))
}

async fn info_admin_only(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    read_setting(&gateway, incoming, ADMINS_ONLY, |settings| settings.info_admin_only).await
}

async fn set_info_admin_only(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    set_setting(&gateway, incoming, ADMINS_ONLY, Setting::InfoAdminOnly, || gateway.shape.done())
        .await
}

async fn messages_admin_only(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    read_setting(&gateway, incoming, ADMINS_ONLY, |settings| settings.messages_admin_only).await
}

async fn set_messages_admin_only(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    let done = || gateway.shape.done();
    set_setting(&gateway, incoming, ADMINS_ONLY, Setting::MessagesAdminOnly, done).await
}

async fn member_add_mode(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    let all =
        |settings: &pb::GroupSettings| settings.member_add_mode() != pb::MemberAddMode::Admins;
    read_setting(&gateway, incoming, CAN_ADD, all).await
}

async fn set_member_add_mode(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    let mode = |all| {
        let mode = if all { MemberAddMode::AllMembers } else { MemberAddMode::AdminsOnly };
        Setting::MemberAddMode(mode)
    };
    set_setting(&gateway, incoming, CAN_ADD, mode, || gateway.shape.done()).await
}

async fn membership_approval(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    read_setting(&gateway, incoming, APPROVAL, |settings| settings.membership_approval).await
}

async fn set_membership_approval(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    set_setting(&gateway, incoming, APPROVAL, Setting::MembershipApproval, said).await
}

async fn member_share_history(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    read_setting(&gateway, incoming, SHARE_HISTORY, |settings| settings.member_share_history).await
}

async fn set_member_share_history(
    State(gateway): State<RestState>,
    incoming: Incoming,
) -> Answered {
    set_setting(&gateway, incoming, SHARE_HISTORY, Setting::MemberShareHistory, said).await
}
