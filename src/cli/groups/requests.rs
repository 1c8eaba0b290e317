//! Open requests to join a group: showing, letting in, turning down.

use clap::{Args, Subcommand};
use comfy_table::Table;

use super::Target;
use super::participants::{PeopleArgs, show};
use super::results::{self, Wanted};
use crate::cli::call::{PageOptions, ReadOptions};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::{Done, json, text};
use crate::pb;

#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// Show who asks to join, oldest first
    List(ListArgs),
    /// Let people in who asked
    Approve(PeopleArgs),
    /// Turn people down who asked
    Reject(PeopleArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// The group, …@g.us
    group: String,
    /// Ask WhatsApp now
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    pages: PageOptions,
    #[command(flatten)]
    read: ReadOptions,
}

pub async fn run(target: &Target, command: RequestsCommand) -> Result<Done, Failure> {
    match command {
        RequestsCommand::List(args) => list(target, args).await,
        RequestsCommand::Approve(args) => approve(target, args).await,
        RequestsCommand::Reject(args) => reject(target, args).await,
    }
}

async fn list(target: &Target, args: ListArgs) -> Result<Done, Failure> {
    let output = target.output;
    let mut request = pb::ListJoinRequestsRequest {
        session: target.session.clone(),
        group_id: args.group,
        page_size: args.pages.page_size,
        page_token: args.pages.page_token.clone(),
        refresh: args.refresh,
        min_sequence: args.read.min_sequence,
    };
    let mut table = request_table();
    loop {
        let send = async |request| target.connection.groups().list_join_requests(request).await;
        let page = target.connection.unary(&Effect::Read, request.clone(), send).await?;
        if !args.pages.wants_all(output) && output.answer("ListJoinRequestsResponse", &page)? {
            return Ok(Done::Fully);
        }
        for join_request in &page.join_requests {
            if output.is_structured() {
                output.one_of_many(&json::of_message("JoinRequest", join_request)?)?;
            } else {
                add_request(&mut table, join_request);
            }
        }
        if !args.pages.wants_all(output) || page.next_page_token.is_empty() {
            if !output.is_structured() {
                output.table(&mut table)?;
                target.note_synced(page.as_of_sequence, page.synced_time.as_ref())?;
                args.pages.note_rest(output, &page.next_page_token)?;
            }
            return Ok(Done::Fully);
        }
        request.page_token = page.next_page_token;
        // WhatsApp was asked for the first page; the others are of that answer.
        request.refresh = false;
    }
}

pub fn request_table() -> Table {
    text::table(&["WHO", "ASKED", "HOW"])
}

pub fn add_request(table: &mut Table, request: &pb::JoinRequest) {
    let how = text::enum_words(request.method().as_str_name(), "JOIN_REQUEST_METHOD_");
    let how = match request.method() {
        pb::JoinRequestMethod::Unspecified => "unknown".to_owned(),
        pb::JoinRequestMethod::InviteLink => how,
        pb::JoinRequestMethod::NonAdminAdd if request.added_by.is_empty() => how,
        pb::JoinRequestMethod::NonAdminAdd => {
            format!("{how} by {}", text::person_id(&request.added_by))
        }
        pb::JoinRequestMethod::LinkedGroup if request.parent_group_id.is_empty() => how,
        pb::JoinRequestMethod::LinkedGroup => {
            format!("{how} {}", text::safe(&request.parent_group_id))
        }
    };
    table.add_row([
        request.requester.as_ref().map_or_else(|| "someone".to_owned(), text::person),
        text::time(request.request_time.as_ref()),
        how,
    ]);
}

async fn approve(target: &Target, args: PeopleArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let request = pb::ApproveJoinRequestsRequest {
        session: target.session.clone(),
        group_id: args.group,
        request_id,
        participant_ids: args.people.read_some()?,
    };
    let send = async |request| target.connection.groups().approve_join_requests(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("ApproveJoinRequestsResponse", &answer)? {
        show(target, Wanted::LetIn, &answer.results, answer.changed, answer.sequence)?;
    }
    Ok(results::done(Wanted::LetIn, &answer.results))
}

async fn reject(target: &Target, args: PeopleArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let request = pb::RejectJoinRequestsRequest {
        session: target.session.clone(),
        group_id: args.group,
        request_id,
        participant_ids: args.people.read_some()?,
    };
    let send = async |request| target.connection.groups().reject_join_requests(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("RejectJoinRequestsResponse", &answer)? {
        show(target, Wanted::TurnedDown, &answer.results, answer.changed, answer.sequence)?;
    }
    Ok(results::done(Wanted::TurnedDown, &answer.results))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_who_asked_when_and_how() {
        let requester = |id: &str| Some(pb::Participant { id: id.into(), ..Default::default() });
        let mut table = request_table();
        add_request(
            &mut table,
            &pb::JoinRequest {
                requester: requester("4915@c.us"),
                request_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
                method: pb::JoinRequestMethod::InviteLink.into(),
                ..Default::default()
            },
        );
        add_request(
            &mut table,
            &pb::JoinRequest {
                requester: requester("77@lid"),
                method: pb::JoinRequestMethod::NonAdminAdd.into(),
                added_by: "4916@c.us".into(),
                ..Default::default()
            },
        );
        assert_eq!(
            text::render(&mut table),
            "WHO     ASKED                 HOW\n\
             +4915   1970-01-01T00:00:01Z  invite link\n\
             77@lid  unknown               non admin add by +4916"
        );
    }
}
