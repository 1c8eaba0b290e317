//! Comparing groups with WhatsApp's.

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;

use super::Target;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::progress::Progress;
use crate::cli::{Done, text};
use crate::pb;

/// A large account has doubtful groups that are read one by one, at a pace.
const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// Only these groups, …@g.us; all unless given
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Believe WhatsApp even where more than 10 % of the groups or members would be lost
    #[arg(long)]
    accept_losses: bool,
}

pub async fn refresh(target: &Target, args: RefreshArgs) -> Result<Done, Failure> {
    let what = match args.groups.len() {
        0 => "comparing all groups with WhatsApp's".to_owned(),
        number => {
            format!("comparing {} with WhatsApp's", text::count(number, "group", "groups"))
        }
    };
    let of_all = args.groups.is_empty();
    let request = pb::RefreshGroupsRequest {
        session: target.session.clone(),
        group_ids: args.groups,
        accept_losses: args.accept_losses,
    };
    let limit = target.connection.patience(PATIENCE);
    let send = async |request| target.connection.groups().refresh_groups(request).await;
    let progress = Progress::begin(target.output, &what);
    // A repeat is harmless, and joins the run that goes on.
    let call = target.connection.unary_within(limit, &Effect::Read, request, send);
    let answer = tokio::select! {
        answer = call => answer,
        never = show_numbers(target, &progress, of_all) => match never {},
    };
    drop(progress);
    let answer = answer?;
    if target.output.answer("RefreshGroupsResponse", &answer)? {
        return Ok(Done::Fully);
    }
    target.output.line(&summary(&answer))?;
    let synced = text::time(answer.synced_time.as_ref());
    target.output.note(&format!("sequence {}, synced {synced}", answer.sequence))?;
    Ok(Done::Fully)
}

/// Moves the progress as the session's state shows how far its comparison of all groups is. Where that
/// cannot be had, the time that passes must do.
async fn show_numbers(target: &Target, progress: &Progress, of_all: bool) -> Infallible {
    if of_all && progress.is_shown() {
        let request = pb::WatchSessionRequest { session: target.session.clone() };
        if let Ok(states) = target.connection.sessions().watch_session(request).await {
            let mut states = states.into_inner();
            while let Ok(Some(state)) = states.message().await {
                state.comparison.iter().for_each(|comparison| progress.advance_to(comparison));
            }
        }
    }
    std::future::pending().await
}

fn summary(answer: &pb::RefreshGroupsResponse) -> String {
    let count =
        |number: i32, one, many| text::count(usize::try_from(number).unwrap_or(0), one, many);
    let groups = count(answer.group_count, "group", "groups");
    let events = count(answer.event_count, "difference", "differences");
    let mut summary = format!("compared {groups}: {events}");
    if answer.suspect_count > 0 {
        let suspects = count(answer.suspect_count, "group", "groups");
        summary.push_str(&format!("; {suspects} in doubt, to be read again later"));
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_is_still_in_doubt() {
        let mut answer =
            pb::RefreshGroupsResponse { group_count: 12, event_count: 1, ..Default::default() };
        assert_eq!(summary(&answer), "compared 12 groups: 1 difference");
        answer.suspect_count = 1;
        assert_eq!(
            summary(&answer),
            "compared 12 groups: 1 difference; 1 group in doubt, to be read again later"
        );
    }
}
