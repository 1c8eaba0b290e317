//! Sessions in tables.

use comfy_table::Table;

use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::text;
use crate::pb;

pub fn show_changed(
    changed: bool,
    session: Option<&pb::Session>,
    output: Output,
) -> Result<(), Failure> {
    if !changed {
        output.note("it was so already")?;
    }
    show(session, output)
}

pub fn show(session: Option<&pb::Session>, output: Output) -> Result<(), Failure> {
    let mut table = session_table();
    if let Some(session) = session {
        add_session(&mut table, session);
    }
    output.table(&mut table)?;
    let reason = session.map_or("", |session| &session.status_reason);
    if !reason.is_empty() {
        output.note(&text::safe(reason))?;
    }
    Ok(())
}

pub fn session_table() -> Table {
    text::table(&["NAME", "STATUS", "ENGINE", "ACCOUNT", "SEQUENCE", "SYNCED", "METADATA"])
}

pub fn add_session(table: &mut Table, session: &pb::Session) {
    let mut metadata: Vec<String> =
        session.metadata.iter().map(|(key, value)| text::safe(&format!("{key}={value}"))).collect();
    metadata.sort();
    table.add_row([
        text::safe(&session.name),
        status(session),
        text::enum_words(session.engine().as_str_name(), "ENGINE_"),
        account(session),
        session.sequence.to_string(),
        session
            .synced_time
            .as_ref()
            .map_or_else(|| "never".to_owned(), |time| text::time(Some(time))),
        metadata.join(" "),
    ]);
}

pub fn status(session: &pb::Session) -> String {
    text::enum_words(session.status().as_str_name(), "SESSION_STATUS_")
}

/// The account by phone number where that is known; empty before the first login.
pub fn account(session: &pb::Session) -> String {
    session.account.as_ref().map_or_else(String::new, |account| {
        let id =
            if account.phone_number_id.is_empty() { &account.id } else { &account.phone_number_id };
        text::person_id(id)
    })
}
