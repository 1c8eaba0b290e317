//! Taking a group apart, which the service does as a job that outlasts the call.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep_until};

use super::Target;
use super::change::note_changed;
use crate::cli::call::ChangeOptions;
use crate::cli::confirm::Confirmation;
use crate::cli::connect::DEFAULT_TIMEOUT;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::{Done, text};
use crate::domain::reason::Reason;
use crate::pb::{self, DeletionState};

/// A call that waits for the job is asked for its numbers so often while someone looks at them.
const ROUND: Duration = Duration::from_secs(4);
/// Not more often than this, however quickly the service answers.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// The group, …@g.us
    group: String,
    /// Start it and do not wait for the end; the same command again says how far it is
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    change: ChangeOptions,
}

pub async fn delete(target: &Target, args: DeleteArgs) -> Result<Done, Failure> {
    let group = text::safe(&args.group);
    args.confirmation.ask(&format!("Remove all members of {group}, then leave it"))?;
    let (request_id, call) = args.change.begin()?;
    let request = pb::DeleteGroupRequest {
        session: target.session.clone(),
        group_id: args.group,
        request_id,
    };
    let patience = target.connection.patience(DEFAULT_TIMEOUT);
    let ask = async |limit| {
        let send = async |request| target.connection.groups().delete_group(request).await;
        target.connection.unary_within(limit, &call, request.clone(), send).await
    };
    let answer = if args.no_wait {
        ask(patience).await?
    } else {
        until_completed(target.output, patience, ask).await?
    };
    if !target.output.answer("DeleteGroupResponse", &answer)? {
        target.output.line(&summary(&group, &answer))?;
        note_changed(target, answer.changed, answer.sequence)?;
    }
    Ok(Done::Fully)
}

/// Asks until nothing is left to do. `ask` gets the time that it may take.
async fn until_completed(
    output: Output,
    patience: Duration,
    ask: impl AsyncFn(Duration) -> Result<pb::DeleteGroupResponse, Failure>,
) -> Result<pb::DeleteGroupResponse, Failure> {
    let progress = Progress::begin(output, "taking the group apart");
    let mut limit = if progress.is_shown() { patience.min(ROUND) } else { patience };
    loop {
        let begin = Instant::now();
        let answer = match ask(limit).await {
            Ok(answer) => answer,
            // Too short a round for a busy service: from now on with all the time there is.
            Err(failure) if limit < patience && is_timeout(&failure) => {
                limit = patience;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        match answer.state() {
            DeletionState::Running => {}
            DeletionState::Completed | DeletionState::Unspecified => return Ok(answer),
        }
        let (done, all) = numbers(&answer);
        progress.advance(done, all);
        sleep_until(begin + PAUSE).await;
    }
}

fn is_timeout(failure: &Failure) -> bool {
    matches!(failure, Failure::TimedOut { .. })
        || failure.reason() == Some(Reason::DeadlineExceeded)
}

/// How many members are removed, of how many.
fn numbers(answer: &pb::DeleteGroupResponse) -> (u64, u64) {
    let removed = u64::try_from(answer.removed_count).unwrap_or(0);
    let remaining = u64::try_from(answer.remaining_count).unwrap_or(0);
    (removed, removed + remaining)
}

fn summary(group: &str, answer: &pb::DeleteGroupResponse) -> String {
    let (removed, all) = numbers(answer);
    let members = |number: u64| {
        text::count(usize::try_from(number).unwrap_or(usize::MAX), "member", "members")
    };
    match answer.state() {
        DeletionState::Completed => {
            format!("deleted {group}: {} removed, and we have left", members(removed))
        }
        DeletionState::Running => {
            format!("deleting {group}: {removed} of {} removed so far", members(all))
        }
        DeletionState::Unspecified => format!("deleting {group}"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::cli::format::Format;

    #[test]
    fn it_says_how_far_the_deletion_is() {
        let mut answer = pb::DeleteGroupResponse {
            state: DeletionState::Running.into(),
            removed_count: 40,
            remaining_count: 60,
            ..Default::default()
        };
        assert_eq!(numbers(&answer), (40, 100));
        assert_eq!(summary("1@g.us", &answer), "deleting 1@g.us: 40 of 100 members removed so far");
        answer.state = DeletionState::Completed.into();
        (answer.removed_count, answer.remaining_count) = (1, 0);
        assert_eq!(
            summary("1@g.us", &answer),
            "deleted 1@g.us: 1 member removed, and we have left"
        );
    }

    fn answer(state: DeletionState, removed_count: i32) -> pb::DeleteGroupResponse {
        let remaining_count = 3 - removed_count;
        pb::DeleteGroupResponse {
            state: state.into(),
            removed_count,
            remaining_count,
            ..Default::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_asks_until_the_job_is_done_and_not_too_often() {
        let asked = Cell::new(0);
        let ask = async |limit: Duration| {
            assert_eq!(limit, Duration::from_secs(30));
            asked.set(asked.get() + 1);
            let state =
                if asked.get() < 3 { DeletionState::Running } else { DeletionState::Completed };
            Ok(answer(state, asked.get()))
        };
        let begin = Instant::now();
        let last = until_completed(Output::new(Format::Json), Duration::from_secs(30), ask).await;
        assert_eq!(last.map(|answer| answer.removed_count).ok(), Some(3));
        assert_eq!((asked.get(), begin.elapsed()), (3, PAUSE * 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_ends_the_waiting() {
        let ask = async |_: Duration| Err(Failure::Local("no".into()));
        let ended = until_completed(Output::new(Format::Json), Duration::from_secs(30), ask).await;
        assert!(ended.is_err());
    }
}
