//! Groups as the world holds them.

use clap::Subcommand;

use super::World;
use crate::cli::call::PageOptions;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::groups::read::{self, add_group, group_table};
use crate::cli::groups::requests::{add_request, request_table};
use crate::cli::{Done, json, text};
use crate::pb;

#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Show one group with its members, its invite and its open requests to join
    Get {
        /// The group, …@g.us
        group: String,
        /// As this account sees it: "we are" is its role
        #[arg(long, value_name = "PERSON", default_value = "", hide_default_value = true)]
        viewer: String,
    },
    /// Show the groups of the world
    List {
        /// Only groups that this account is in
        #[arg(long, value_name = "PERSON", default_value = "", hide_default_value = true)]
        member: String,
        #[command(flatten)]
        pages: PageOptions,
    },
}

pub async fn run(world: &World, command: GroupCommand) -> Result<Done, Failure> {
    match command {
        GroupCommand::Get { group, viewer } => get(world, group, viewer).await,
        GroupCommand::List { member, pages } => list(world, member, pages).await,
    }
}

async fn get(world: &World, group_id: String, viewer_id: String) -> Result<Done, Failure> {
    let request = pb::GetWorldGroupRequest { group_id, viewer_id };
    let send = async |request| world.connection.simulator().get_world_group(request).await;
    let answer = world.ask(&Effect::Read, "GetWorldGroupResponse", request, send).await?;
    let Some(answer) = answer else { return Ok(Done::Fully) };
    read::show(world.output, &answer.group.unwrap_or_default())?;
    if !answer.join_requests.is_empty() {
        let mut table = request_table();
        for request in &answer.join_requests {
            add_request(&mut table, request);
        }
        world.output.line("")?;
        world.output.table(&mut table)?;
    }
    if !answer.invite_code.is_empty() {
        let code = text::safe(&answer.invite_code);
        world.output.line("")?;
        world.output.line(&format!("https://chat.whatsapp.com/{code}"))?;
    }
    Ok(Done::Fully)
}

async fn list(world: &World, member_id: String, pages: PageOptions) -> Result<Done, Failure> {
    let output = world.output;
    let mut request = pb::ListWorldGroupsRequest {
        member_id,
        page_size: pages.page_size,
        page_token: pages.page_token.clone(),
    };
    let mut table = group_table();
    loop {
        let send = async |request| world.connection.simulator().list_world_groups(request).await;
        let page = world.connection.unary(&Effect::Read, request.clone(), send).await?;
        if !pages.wants_all(output) && output.answer("ListWorldGroupsResponse", &page)? {
            return Ok(Done::Fully);
        }
        for group in &page.groups {
            if output.is_structured() {
                output.one_of_many(&json::of_message("Group", group)?)?;
            } else {
                add_group(&mut table, group);
            }
        }
        if !pages.wants_all(output) || page.next_page_token.is_empty() {
            if !output.is_structured() {
                output.table(&mut table)?;
                output.note(&text::count(table.row_count(), "group", "groups"))?;
                pages.note_rest(output, &page.next_page_token)?;
            }
            return Ok(Done::Fully);
        }
        request.page_token = page.next_page_token;
    }
}
