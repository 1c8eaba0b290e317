//! Listing, counting and showing groups.

use clap::{Args, ValueEnum};
use comfy_table::Table;
use prost::Message as _;

use super::Target;
use crate::cli::call::{PageOptions, ReadOptions};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::spans::Timer;
use crate::cli::{Done, json, text};
use crate::pb;

const SUBJECT_LENGTH: usize = 50;

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// By what to order
    #[arg(long, value_enum, default_value_t = Order::Id)]
    order: Order,
    /// Largest first
    #[arg(long)]
    desc: bool,
    /// With all members, which only --json shows
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    pages: PageOptions,
    #[command(flatten)]
    read: ReadOptions,
}

#[derive(Debug, Args)]
pub struct CountArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    read: ReadOptions,
}

#[derive(Debug, Args)]
struct FilterArgs {
    /// Only groups whose subject contains this; case does not count
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    contains: String,
    /// Only groups with this member
    #[arg(long, value_name = "PERSON", default_value = "", hide_default_value = true)]
    member: String,
    /// Only groups in which we have this role; may be repeated
    #[arg(long, value_enum)]
    role: Vec<RoleName>,
    /// Only groups that changed after this sequence
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
    changed_after: i64,
}

impl From<FilterArgs> for pb::GroupFilter {
    fn from(args: FilterArgs) -> Self {
        Self {
            subject_contains: args.contains,
            member_id: args.member,
            my_roles: args.role.into_iter().map(|role| pb::Role::from(role).into()).collect(),
            changed_after_sequence_exclusive: args.changed_after,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    Id,
    Subject,
    Created,
    Members,
}

impl From<Order> for pb::GroupOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Id => Self::Id,
            Order::Subject => Self::Subject,
            Order::Created => Self::CreateTime,
            Order::Members => Self::MemberCount,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleName {
    Member,
    Admin,
    Superadmin,
}

impl From<RoleName> for pb::Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Member => Self::Participant,
            RoleName::Admin => Self::Admin,
            RoleName::Superadmin => Self::Superadmin,
        }
    }
}

#[derive(Debug, Args)]
pub struct GetArgs {
    /// The group, …@g.us
    group: String,
    /// Without the members
    #[arg(long)]
    basic: bool,
    /// Ask WhatsApp now
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    read: ReadOptions,
}

pub fn decoded(encoded: &[u8]) -> Result<pb::Group, Failure> {
    pb::Group::decode(encoded)
        .map_err(|error| Failure::Local(format!("the service sent a group that is none: {error}")))
}

pub async fn list(target: &Target, args: ListArgs) -> Result<Done, Failure> {
    let (connection, output) = (&target.connection, target.output);
    let mut request = pb::ListGroupsRequest {
        session: target.session.clone(),
        page_size: args.pages.page_size,
        page_token: args.pages.page_token.clone(),
        view: if args.full { pb::GroupView::Full } else { pb::GroupView::Basic }.into(),
        filter: Some(args.filter.into()),
        order_by: pb::GroupOrder::from(args.order).into(),
        descending: args.desc,
        min_sequence: args.read.min_sequence,
    };
    let mut table = group_table();
    loop {
        let send = async |request| connection.groups().list_groups(request).await;
        let page = connection.unary(&Effect::Read, request.clone(), send).await?;
        if !args.pages.wants_all(output) && output.answer("ListGroupsResponse", &page)? {
            return Ok(Done::Fully);
        }
        for encoded in &page.groups {
            if output.is_structured() {
                output.one_of_many(&json::of_bytes("Group", encoded)?)?;
            } else {
                add_group(&mut table, &decoded(encoded)?);
            }
        }
        if !args.pages.wants_all(output) || page.next_page_token.is_empty() {
            if !output.is_structured() {
                output.table(&mut table)?;
                let synced = text::time(page.synced_time.as_ref());
                let shown = text::count(table.row_count(), "group", "groups");
                output.note(&format!(
                    "{shown}, as of sequence {}, synced {synced}",
                    page.as_of_sequence
                ))?;
                args.pages.note_rest(output, &page.next_page_token)?;
            }
            return Ok(Done::Fully);
        }
        request.page_token = page.next_page_token;
    }
}

pub fn group_table() -> Table {
    text::table(&["ID", "SUBJECT", "MEMBERS", "WE ARE", "CREATED"])
}

pub fn add_group(table: &mut Table, group: &pb::Group) {
    table.add_row([
        text::safe(&group.id),
        text::shortened(&text::safe(&group.subject), SUBJECT_LENGTH),
        group.member_count.to_string(),
        text::role(group.my_role),
        text::time(group.create_time.as_ref()),
    ]);
}

pub async fn count(target: &Target, args: CountArgs) -> Result<Done, Failure> {
    let request = pb::CountGroupsRequest {
        session: target.session.clone(),
        filter: Some(args.filter.into()),
        min_sequence: args.read.min_sequence,
    };
    let send = async |request| target.connection.groups().count_groups(request).await;
    let answer = target.connection.unary(&Effect::Read, request, send).await?;
    if !target.output.answer("CountGroupsResponse", &answer)? {
        target.output.line(&answer.count.to_string())?;
    }
    Ok(Done::Fully)
}

pub async fn get(target: &Target, args: GetArgs) -> Result<Done, Failure> {
    let request = pb::GetGroupRequest {
        session: target.session.clone(),
        group_id: args.group,
        view: if args.basic { pb::GroupView::Basic } else { pb::GroupView::Full }.into(),
        refresh: args.refresh,
        min_sequence: args.read.min_sequence,
    };
    let send = async |request| target.connection.groups().get_group(request).await;
    let answer = target.connection.unary(&Effect::Read, request, send).await?;
    if target.output.answer("GetGroupResponse", &answer)? {
        return Ok(Done::Fully);
    }
    show(target.output, &decoded(&answer.group)?)?;
    target.note_synced(answer.as_of_sequence, answer.synced_time.as_ref())?;
    Ok(Done::Fully)
}

/// All of a group, its members last.
pub fn show(output: Output, group: &pb::Group) -> Result<(), Failure> {
    let settings = group.settings.unwrap_or_default();
    let yes_no = text::yes_no;
    let mut rows = vec![
        ("id", text::safe(&group.id)),
        ("subject", text::safe(&group.subject)),
        ("description", text::safe(&group.description)),
        ("created", created(group.create_time.as_ref(), &group.owner)),
        ("members", group.member_count.to_string()),
        ("we are", text::role(group.my_role)),
        ("only admins change the info", yes_no(settings.info_admin_only)),
        ("only admins send messages", yes_no(settings.messages_admin_only)),
        (
            "who adds members",
            text::enum_words(settings.member_add_mode().as_str_name(), "MEMBER_ADD_MODE_"),
        ),
        ("admins approve who joins", yes_no(settings.membership_approval)),
        ("members share history", yes_no(settings.member_share_history)),
        ("messages disappear", Timer::of(settings.disappearing_timer.as_ref()).to_string()),
    ];
    match group.kind() {
        pb::GroupKind::Community => rows.push(("kind", "a community".to_owned())),
        pb::GroupKind::Announcement => {
            rows.push(("kind", "the announcement group of a community".to_owned()));
        }
        pb::GroupKind::Ordinary | pb::GroupKind::Unspecified => {}
    }
    if group.members_incomplete {
        let shown = text::count(group.participants.len(), "member", "members");
        rows.push((
            "members",
            format!("{} by WhatsApp's count; it shows {shown}", group.member_count),
        ));
    }
    if !group.parent_group_id.is_empty() {
        rows.push(("community", text::safe(&group.parent_group_id)));
    }
    if group.suspended {
        rows.push(("suspended", "by WhatsApp".to_owned()));
    }
    if group.partial {
        rows.push(("partial", "not all of it is known so far".to_owned()));
    }
    output.table(&mut text::properties(rows))?;
    if !group.participants.is_empty() {
        output.line("")?;
        output.table(&mut member_table(&group.participants))?;
    }
    Ok(())
}

/// When a group was created and, where that is known, by whom.
pub fn created(time: Option<&prost_types::Timestamp>, owner: &str) -> String {
    let time = text::time(time);
    if owner.is_empty() { time } else { format!("{time}, by {}", text::person_id(owner)) }
}

pub fn member_table(participants: &[pb::Participant]) -> Table {
    let mut table = text::table(&["MEMBER", "ROLE", "ID"]);
    for participant in participants {
        let phone = [&participant.phone_number_id, &participant.id]
            .into_iter()
            .find(|id| id.ends_with("@c.us"));
        table.add_row([
            phone.map_or_else(|| "number unknown".to_owned(), |id| text::person_id(id)),
            text::role(participant.role),
            text::safe(&participant.id),
        ]);
    }
    table
}
