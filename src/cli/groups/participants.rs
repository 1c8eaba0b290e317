//! A group's members: showing, adding, removing, promoting, demoting.

use clap::{Args, Subcommand};

use super::Target;
use super::change::note_changed;
use super::read::{RoleName, member_table};
use super::results::{self, Wanted};
use crate::cli::call::{ChangeOptions, PageOptions, ReadOptions};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::people::People;
use crate::cli::{Done, json, text};
use crate::pb;

#[derive(Debug, Subcommand)]
pub enum ParticipantsCommand {
    /// Show the members
    List(ListArgs),
    /// Add people
    Add(PeopleArgs),
    /// Remove members
    Remove(PeopleArgs),
    /// Make members admins
    Promote(PeopleArgs),
    /// Make admins ordinary members
    Demote(PeopleArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// The group, …@g.us
    group: String,
    /// Only members with this role; may be repeated
    #[arg(long, value_enum)]
    role: Vec<RoleName>,
    #[command(flatten)]
    pages: PageOptions,
    #[command(flatten)]
    read: ReadOptions,
}

#[derive(Debug, Args)]
pub struct PeopleArgs {
    /// The group, …@g.us
    pub group: String,
    #[command(flatten)]
    pub people: People,
    #[command(flatten)]
    pub change: ChangeOptions,
}

pub async fn run(target: &Target, command: ParticipantsCommand) -> Result<Done, Failure> {
    match command {
        ParticipantsCommand::List(args) => list(target, args).await,
        ParticipantsCommand::Add(args) => add(target, args).await,
        ParticipantsCommand::Remove(args) => remove(target, args).await,
        ParticipantsCommand::Promote(args) => promote(target, args).await,
        ParticipantsCommand::Demote(args) => demote(target, args).await,
    }
}

async fn list(target: &Target, args: ListArgs) -> Result<Done, Failure> {
    let output = target.output;
    let mut request = pb::ListParticipantsRequest {
        session: target.session.clone(),
        group_id: args.group,
        page_size: args.pages.page_size,
        page_token: args.pages.page_token.clone(),
        roles: args.role.into_iter().map(|role| pb::Role::from(role).into()).collect(),
        min_sequence: args.read.min_sequence,
    };
    let mut members = Vec::new();
    loop {
        let send = async |request| target.connection.groups().list_participants(request).await;
        let page = target.connection.unary(&Effect::Read, request.clone(), send).await?;
        if !args.pages.wants_all(output) && output.answer("ListParticipantsResponse", &page)? {
            return Ok(Done::Fully);
        }
        if output.is_structured() {
            for participant in &page.participants {
                output.one_of_many(&json::of_message("Participant", participant)?)?;
            }
        } else {
            members.extend(page.participants);
        }
        if !args.pages.wants_all(output) || page.next_page_token.is_empty() {
            if !output.is_structured() {
                output.table(&mut member_table(&members))?;
                let total = text::count(
                    usize::try_from(page.member_count).unwrap_or(0),
                    "member",
                    "members",
                );
                output.note(&format!("{total} in all, as of sequence {}", page.as_of_sequence))?;
                args.pages.note_rest(output, &page.next_page_token)?;
            }
            return Ok(Done::Fully);
        }
        request.page_token = page.next_page_token;
    }
}

pub fn show(
    target: &Target,
    wanted: Wanted,
    results: &[pb::ParticipantResult],
    changed: bool,
    sequence: i64,
) -> Result<(), Failure> {
    results::show(target.output, wanted, results)?;
    if !changed && results::done(wanted, results) == Done::InPart {
        return target
            .output
            .note(&format!("nothing is known to have changed, sequence {sequence}"));
    }
    note_changed(target, changed, sequence)
}

async fn add(target: &Target, args: PeopleArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let request = pb::AddParticipantsRequest {
        session: target.session.clone(),
        group_id: args.group,
        request_id,
        participant_ids: args.people.read_some()?,
    };
    let send = async |request| target.connection.groups().add_participants(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("AddParticipantsResponse", &answer)? {
        show(target, Wanted::Added, &answer.results, answer.changed, answer.sequence)?;
    }
    Ok(results::done(Wanted::Added, &answer.results))
}

async fn remove(target: &Target, args: PeopleArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let request = pb::RemoveParticipantsRequest {
        session: target.session.clone(),
        group_id: args.group,
        request_id,
        participant_ids: args.people.read_some()?,
    };
    let send = async |request| target.connection.groups().remove_participants(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("RemoveParticipantsResponse", &answer)? {
        show(target, Wanted::Removed, &answer.results, answer.changed, answer.sequence)?;
    }
    Ok(results::done(Wanted::Removed, &answer.results))
}

async fn promote(target: &Target, args: PeopleArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let request = pb::PromoteParticipantsRequest {
        session: target.session.clone(),
        group_id: args.group,
        request_id,
        participant_ids: args.people.read_some()?,
    };
    let send = async |request| target.connection.groups().promote_participants(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("PromoteParticipantsResponse", &answer)? {
        show(target, Wanted::Promoted, &answer.results, answer.changed, answer.sequence)?;
    }
    Ok(results::done(Wanted::Promoted, &answer.results))
}

async fn demote(target: &Target, args: PeopleArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let request = pb::DemoteParticipantsRequest {
        session: target.session.clone(),
        group_id: args.group,
        request_id,
        participant_ids: args.people.read_some()?,
    };
    let send = async |request| target.connection.groups().demote_participants(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("DemoteParticipantsResponse", &answer)? {
        show(target, Wanted::Demoted, &answer.results, answer.changed, answer.sequence)?;
    }
    Ok(results::done(Wanted::Demoted, &answer.results))
}
