//! What sessions asked the world for, how often, and what it answered.

use clap::Args;
use comfy_table::Table;

use super::World;
use crate::cli::call::PageOptions;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::{Done, json, text};
use crate::pb::{self, CallOutcome};

#[derive(Debug, Args)]
pub struct CallsArgs {
    /// Only calls of this session
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    session: String,
    /// Only calls with this request id
    #[arg(long, value_name = "UUID", default_value = "", hide_default_value = true)]
    request_id: String,
    /// Only calls of this operation, such as AddParticipants or FetchAll
    #[arg(long, value_name = "CALL", default_value = "", hide_default_value = true)]
    operation: String,
    /// Only calls that changed the world, or would have if that had not been so already
    #[arg(long)]
    applied: bool,
    #[command(flatten)]
    pages: PageOptions,
}

#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Only of this session
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    session: String,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Whose notifications
    session: String,
    /// How many of the last: 1 to 1,000
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    count: i32,
    /// The last one first
    #[arg(long)]
    reverse: bool,
}

pub async fn calls(world: &World, args: CallsArgs) -> Result<Done, Failure> {
    let output = world.output;
    let mut request = pb::ListCallsRequest {
        session: args.session,
        request_id: args.request_id,
        operation: args.operation,
        applied_only: args.applied,
        page_size: args.pages.page_size,
        page_token: args.pages.page_token.clone(),
    };
    let mut table = call_table();
    loop {
        let send = async |request| world.connection.simulator().list_calls(request).await;
        let page = world.connection.unary(&Effect::Read, request.clone(), send).await?;
        if !args.pages.wants_all(output) && output.answer("ListCallsResponse", &page)? {
            return Ok(Done::Fully);
        }
        for call in &page.calls {
            if output.is_structured() {
                output.one_of_many(&json::of_message("SimulatorCall", call)?)?;
            } else {
                add_call(&mut table, call);
            }
        }
        if !args.pages.wants_all(output) || page.next_page_token.is_empty() {
            if !output.is_structured() {
                output.table(&mut table)?;
                output.note(&text::count(table.row_count(), "call", "calls"))?;
                args.pages.note_rest(output, &page.next_page_token)?;
            }
            return Ok(Done::Fully);
        }
        request.page_token = page.next_page_token;
    }
}

fn call_table() -> Table {
    text::table(&[
        "NUMBER",
        "TIME",
        "SESSION",
        "OPERATION",
        "GROUP",
        "APPLIED",
        "OUTCOME",
        "REQUEST ID",
    ])
}

fn add_call(table: &mut Table, call: &pb::SimulatorCall) {
    let outcome = match call.outcome() {
        CallOutcome::Unspecified => "running".to_owned(),
        CallOutcome::Ok => "ok".to_owned(),
        CallOutcome::Refused => format!("refused ({})", call.code),
        CallOutcome::Lost => "answer lost".to_owned(),
    };
    table.add_row([
        call.number.to_string(),
        text::time(call.receive_time.as_ref()),
        text::safe(&call.session),
        text::safe(&call.operation),
        text::safe(&call.group_id),
        text::yes_no(call.applied),
        outcome,
        text::safe(&call.request_id),
    ]);
}

pub async fn stats(world: &World, args: StatsArgs) -> Result<Done, Failure> {
    let request = pb::GetStatisticsRequest { session: args.session };
    let send = async |request| world.connection.simulator().get_statistics(request).await;
    let answer = world.ask(&Effect::Read, "GetStatisticsResponse", request, send).await?;
    let Some(answer) = answer else { return Ok(Done::Fully) };
    world.output.table(&mut operation_table(&answer))?;
    world.output.line("")?;
    world.output.line(&format!(
        "notifications: {} made, {} delivered",
        answer.notification_count, answer.delivered_count
    ))?;
    if !answer.repeated_request_ids.is_empty() {
        let ids = text::safe(&answer.repeated_request_ids.join(" "));
        world.output.warn(&format!("applied more than once, which must never be: {ids}"));
    }
    Ok(Done::Fully)
}

fn operation_table(answer: &pb::GetStatisticsResponse) -> Table {
    let mut table =
        text::table(&["SESSION", "OPERATION", "RECEIVED", "APPLIED", "REFUSED", "ANSWER LOST"]);
    for operation in &answer.operations {
        table.add_row([
            text::safe(&operation.session),
            text::safe(&operation.operation),
            operation.received_count.to_string(),
            operation.applied_count.to_string(),
            operation.refused_count.to_string(),
            operation.lost_count.to_string(),
        ]);
    }
    table
}

pub async fn replay(world: &World, args: ReplayArgs) -> Result<Done, Failure> {
    let request = pb::ReplayNotificationsRequest {
        session: args.session,
        count: args.count,
        reverse: args.reverse,
    };
    let send = async |request| world.connection.simulator().replay_notifications(request).await;
    let answer = world.ask(&Effect::Once, "ReplayNotificationsResponse", request, send).await?;
    if let Some(answer) = answer {
        let number = usize::try_from(answer.replayed_count).unwrap_or(0);
        let delivered = text::count(number, "notification", "notifications");
        world.output.line(&format!("delivered {delivered} once more"))?;
    }
    Ok(Done::Fully)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_tells_whether_it_acted_and_how_it_ended() {
        let mut table = call_table();
        add_call(
            &mut table,
            &pb::SimulatorCall {
                number: 7,
                session: "a".into(),
                operation: "AddParticipants".into(),
                group_id: "1@g.us".into(),
                outcome: CallOutcome::Refused.into(),
                code: 403,
                ..Default::default()
            },
        );
        assert_eq!(
            text::render(&mut table),
            "NUMBER  TIME     SESSION  OPERATION        GROUP   APPLIED  OUTCOME        REQUEST ID\n\
             7       unknown  a        AddParticipants  1@g.us  no       refused (403)"
        );
    }

    #[test]
    fn statistics_are_a_row_for_each_operation() {
        let answer = pb::GetStatisticsResponse {
            operations: vec![pb::OperationStatistics {
                session: "a".into(),
                operation: "FetchAll".into(),
                received_count: 2,
                lost_count: 1,
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(
            text::render(&mut operation_table(&answer)),
            "SESSION  OPERATION  RECEIVED  APPLIED  REFUSED  ANSWER LOST\n\
             a        FetchAll   2         0        0        1"
        );
    }
}
