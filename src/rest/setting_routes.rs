//! A group's settings, each by itself.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::Gateway;
use super::group_routes::read;
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{changed, json, text};
use crate::domain::group::MemberAddMode;
use crate::domain::setting::Setting;
use crate::pb;

type Answered = Result<Response, Refusal>;

const ADMINS_ONLY: &str = "adminsOnly";
const CAN_ADD: &str = "membersCanAddNewMember";
const APPROVAL: &str = "newMembersApprovalRequired";
const SHARE_HISTORY: &str = "membersCanShareHistory";

async fn get(
    gateway: &Gateway,
    mut incoming: Incoming,
    field: &str,
    value: impl Fn(&pb::GroupSettings) -> bool,
) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let group = read(gateway, &incoming, &session, &group_id).await;
    let group = group.map_err(|error| incoming.refuse(error))?;
    Ok(json(json!({ field: value(&group.settings.unwrap_or_default()) })))
}

/// The two that came last to WAHA say it on all engines.
fn said() -> Response {
    text("true")
}

async fn set(
    gateway: &Gateway,
    mut incoming: Incoming,
    field: &str,
    setting: impl Fn(bool) -> Setting,
    done: impl FnOnce() -> Response,
) -> Answered {
    let target = incoming.target();
    let flag = incoming.flag(field);
    let (target, flag) = incoming.finish(target.zip(flag))?;
    let mutated = gateway.app.change_setting(&incoming.call, target, setting(flag)).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, done()))
}

pub async fn info_admin_only(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    get(&gateway, incoming, ADMINS_ONLY, |settings| settings.info_admin_only).await
}

pub async fn set_info_admin_only(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    set(&gateway, incoming, ADMINS_ONLY, Setting::InfoAdminOnly, || gateway.shape.done()).await
}

pub async fn messages_admin_only(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    get(&gateway, incoming, ADMINS_ONLY, |settings| settings.messages_admin_only).await
}

pub async fn set_messages_admin_only(
    State(gateway): State<Gateway>,
    incoming: Incoming,
) -> Answered {
    let done = || gateway.shape.done();
    set(&gateway, incoming, ADMINS_ONLY, Setting::MessagesAdminOnly, done).await
}

pub async fn member_add_mode(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    let all =
        |settings: &pb::GroupSettings| settings.member_add_mode() != pb::MemberAddMode::Admins;
    get(&gateway, incoming, CAN_ADD, all).await
}

pub async fn set_member_add_mode(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    let mode = |all| {
        let mode = if all { MemberAddMode::AllMembers } else { MemberAddMode::AdminsOnly };
        Setting::MemberAddMode(mode)
    };
    set(&gateway, incoming, CAN_ADD, mode, || gateway.shape.done()).await
}

pub async fn membership_approval(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    get(&gateway, incoming, APPROVAL, |settings| settings.membership_approval).await
}

pub async fn set_membership_approval(
    State(gateway): State<Gateway>,
    incoming: Incoming,
) -> Answered {
    set(&gateway, incoming, APPROVAL, Setting::MembershipApproval, said).await
}

pub async fn member_share_history(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    get(&gateway, incoming, SHARE_HISTORY, |settings| settings.member_share_history).await
}

pub async fn set_member_share_history(
    State(gateway): State<Gateway>,
    incoming: Incoming,
) -> Answered {
    set(&gateway, incoming, SHARE_HISTORY, Setting::MemberShareHistory, said).await
}
