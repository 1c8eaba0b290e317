//! Creating and leaving groups, and changing their texts.

use clap::{Args, Subcommand};

use super::Target;
use super::read;
use super::results::{self, Wanted};
use crate::cli::Done;
use crate::cli::call::ChangeOptions;
use crate::cli::errors::Failure;
use crate::cli::input;
use crate::cli::people::People;
use crate::cli::spans::Timer;
use crate::cli::text;
use crate::pb;

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The subject, at most 100 characters; - for standard input
    #[arg(long, value_name = "TEXT")]
    subject: String,
    #[command(flatten)]
    people: People,
    /// The description; - for standard input
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// Only admins may change the subject, the description, the picture and the timer
    #[arg(long)]
    info_admin_only: bool,
    /// Only admins may send messages
    #[arg(long)]
    messages_admin_only: bool,
    /// Only admins may add members
    #[arg(long)]
    add_admin_only: bool,
    /// An admin must approve who joins
    #[arg(long)]
    membership_approval: bool,
    /// Members may share recent messages with those they add
    #[arg(long)]
    member_share_history: bool,
    /// After what time messages disappear: off, 24h, 7d, 90d
    #[arg(long, value_name = "TIMER")]
    disappearing_timer: Option<Timer>,
    #[command(flatten)]
    change: ChangeOptions,
}

impl CreateArgs {
    /// None where nothing is asked for, so that WhatsApp's own defaults hold.
    fn settings(&self) -> Option<pb::GroupSettings> {
        let asked = self.info_admin_only
            || self.messages_admin_only
            || self.add_admin_only
            || self.membership_approval
            || self.member_share_history
            || self.disappearing_timer.is_some();
        asked.then(|| pb::GroupSettings {
            info_admin_only: self.info_admin_only,
            messages_admin_only: self.messages_admin_only,
            member_add_mode: if self.add_admin_only {
                pb::MemberAddMode::Admins.into()
            } else {
                pb::MemberAddMode::AllMembers.into()
            },
            membership_approval: self.membership_approval,
            member_share_history: self.member_share_history,
            disappearing_timer: self.disappearing_timer.map(Into::into),
        })
    }
}

#[derive(Debug, Args)]
pub struct LeaveArgs {
    /// The group, …@g.us
    group: String,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Debug, Subcommand)]
pub enum SubjectCommand {
    /// Set the subject
    Set {
        /// The group, …@g.us
        group: String,
        /// 1 to 100 characters; - for standard input
        text: String,
        #[command(flatten)]
        change: ChangeOptions,
    },
}

#[derive(Debug, Subcommand)]
pub enum DescriptionCommand {
    /// Set the description
    Set {
        /// The group, …@g.us
        group: String,
        /// At most 2,048 characters; - for standard input
        text: String,
        #[command(flatten)]
        options: DescriptionOptions,
    },
    /// Remove the description
    Clear {
        /// The group, …@g.us
        group: String,
        #[command(flatten)]
        options: DescriptionOptions,
    },
}

#[derive(Debug, Args)]
pub struct DescriptionOptions {
    /// Only if the description still is the one with this id
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    expected_id: String,
    #[command(flatten)]
    change: ChangeOptions,
}

pub async fn create(target: &Target, args: CreateArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let settings = args.settings();
    let request = pb::CreateGroupRequest {
        session: target.session.clone(),
        request_id,
        subject: input::text_argument(args.subject)?,
        participant_ids: args.people.read()?,
        description: input::text_argument(args.description)?,
        settings,
    };
    let send = async |request| target.connection.groups().create_group(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    let done = results::done(Wanted::Added, &answer.results);
    if target.output.answer("CreateGroupResponse", &answer)? {
        return Ok(done);
    }
    let group = answer.group.unwrap_or_default();
    target.output.line(&format!(
        "created {}  {}",
        text::safe(&group.id),
        text::safe(&group.subject)
    ))?;
    results::show(target.output, Wanted::Added, &answer.results)?;
    target.output.table(&mut read::member_table(&group.participants))?;
    note_changed(target, answer.changed, answer.sequence)?;
    Ok(done)
}

pub async fn leave(target: &Target, args: LeaveArgs) -> Result<Done, Failure> {
    let (request_id, call) = args.change.begin()?;
    let group = text::safe(&args.group);
    let request =
        pb::LeaveGroupRequest { session: target.session.clone(), group_id: args.group, request_id };
    let send = async |request| target.connection.groups().leave_group(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("LeaveGroupResponse", &answer)? {
        target.output.line(&format!("left {group}"))?;
        note_changed(target, answer.changed, answer.sequence)?;
    }
    Ok(Done::Fully)
}

pub async fn subject(target: &Target, command: SubjectCommand) -> Result<Done, Failure> {
    let SubjectCommand::Set { group, text: subject, change } = command;
    let (request_id, call) = change.begin()?;
    let request = pb::SetGroupSubjectRequest {
        session: target.session.clone(),
        group_id: group,
        request_id,
        subject: input::text_argument(subject)?,
    };
    let send = async |request| target.connection.groups().set_group_subject(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("SetGroupSubjectResponse", &answer)? {
        let group = answer.group.unwrap_or_default();
        target.output.line(&format!(
            "{}  {}",
            text::safe(&group.id),
            text::safe(&group.subject)
        ))?;
        note_changed(target, answer.changed, answer.sequence)?;
    }
    Ok(Done::Fully)
}

pub async fn description(target: &Target, command: DescriptionCommand) -> Result<Done, Failure> {
    let (group, description, options) = match command {
        DescriptionCommand::Set { group, text, options } => {
            (group, input::text_argument(text)?, options)
        }
        DescriptionCommand::Clear { group, options } => (group, String::new(), options),
    };
    let (request_id, call) = options.change.begin()?;
    let request = pb::SetGroupDescriptionRequest {
        session: target.session.clone(),
        group_id: group,
        request_id,
        description: Some(description),
        expected_description_id: options.expected_id,
    };
    let send = async |request| target.connection.groups().set_group_description(request).await;
    let answer = target.connection.unary(&call, request, send).await?;
    if !target.output.answer("SetGroupDescriptionResponse", &answer)? {
        let group = answer.group.unwrap_or_default();
        let description = text::safe(&group.description);
        target.output.line(&format!("{}  {description}", text::safe(&group.id)))?;
        note_changed(target, answer.changed, answer.sequence)?;
    }
    Ok(Done::Fully)
}

pub fn note_changed(target: &Target, changed: bool, sequence: i64) -> Result<(), Failure> {
    let what = if changed { "changed" } else { "it was so already" };
    target.output.note(&format!("{what}, sequence {sequence}"))
}
