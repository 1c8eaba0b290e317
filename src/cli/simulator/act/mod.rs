//! Doing something as someone else: each action is a command.

mod arguments;

use super::World;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::groups::results;
use crate::cli::{Done, text};
use crate::pb;

pub use arguments::ActCommand;

use arguments::ActInvocation;

pub async fn run(world: &World, command: ActCommand) -> Result<Done, Failure> {
    let ActInvocation { request, wanted } = command.into_deed()?;
    let send = async |request| world.connection.simulator().act(request).await;
    // Not idempotent, and without a request id.
    let answer = world.connection.unary(&Effect::Once, request, send).await?;
    let done = wanted.map_or(Done::Fully, |wanted| results::done(wanted, &answer.results));
    if world.output.answer("ActResponse", &answer)? {
        return Ok(done);
    }
    if let Some(wanted) = wanted {
        results::show(world.output, wanted, &answer.results)?;
    }
    for line in lines(&answer) {
        world.output.line(&line)?;
    }
    world.output.note(&note(&answer))?;
    Ok(done)
}

fn lines(answer: &pb::ActResponse) -> Vec<String> {
    let mut lines = Vec::new();
    if !answer.group_id.is_empty() {
        lines.push(text::safe(&answer.group_id));
    }
    if !answer.invite_code.is_empty() {
        lines.push(format!("https://chat.whatsapp.com/{}", text::safe(&answer.invite_code)));
    }
    lines
}

fn note(answer: &pb::ActResponse) -> String {
    let notifications = text::count(
        usize::try_from(answer.notification_count).unwrap_or(0),
        "notification",
        "notifications",
    );
    let what = if answer.changed { "changed" } else { "it was so already" };
    format!("{what}, {notifications} for sessions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_it_is_said_in_few_lines() {
        let answer = pb::ActResponse {
            group_id: "1@g.us".into(),
            changed: true,
            invite_code: "AbC".into(),
            notification_count: 1,
            ..Default::default()
        };
        assert_eq!(lines(&answer), ["1@g.us", "https://chat.whatsapp.com/AbC"]);
        assert_eq!(note(&answer), "changed, 1 notification for sessions");
        assert!(lines(&pb::ActResponse::default()).is_empty());
    }
}
