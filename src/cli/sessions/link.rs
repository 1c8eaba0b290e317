//! Linking a session to an account by a code, and unlinking it.

use clap::Args;

use super::show::show_changed;
use crate::cli::connect::Connection;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::{Done, text};
use crate::pb;

#[derive(Debug, Args)]
pub struct PairingCodeArgs {
    /// The session
    name: String,
    /// The phone number of the account to link: +49 151… or bare digits
    #[arg(value_name = "NUMBER")]
    phone_number: String,
}

pub async fn logout(
    connection: &Connection,
    session: String,
    output: Output,
) -> Result<Done, Failure> {
    let send = async |request| connection.sessions().logout_session(request).await;
    let answer =
        connection.unary(&Effect::Once, pb::LogoutSessionRequest { session }, send).await?;
    if !output.answer("LogoutSessionResponse", &answer)? {
        show_changed(answer.changed, answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn pairing_code(
    connection: &Connection,
    args: PairingCodeArgs,
    output: Output,
) -> Result<Done, Failure> {
    let request =
        pb::RequestPairingCodeRequest { session: args.name, phone_number: args.phone_number };
    let send = async |request| connection.sessions().request_pairing_code(request).await;
    // Each call voids the code before, so it is not sent twice by itself.
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.answer("RequestPairingCodeResponse", &answer)? {
        let code = answer.pairing_code.unwrap_or_default();
        output.line(&grouped(&code.code))?;
        output.note(&instruction(&code))?;
    }
    Ok(Done::Fully)
}

/// Where the code belongs, and until when.
pub fn instruction(code: &pb::PairingCode) -> String {
    format!(
        "type it into the phone: Linked devices, Link a device, Link with phone number instead; \
         until {}",
        text::time(code.expire_time.as_ref())
    )
}

/// As the phone shows its fields: `ABCD-EFGH`.
pub fn grouped(code: &str) -> String {
    let code = text::safe(code);
    match code.split_at_checked(4) {
        Some((first, second)) if second.chars().count() == 4 => format!("{first}-{second}"),
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_in_two_groups() {
        assert_eq!(grouped("ABCD1234"), "ABCD-1234");
        assert_eq!(grouped("ABC"), "ABC");
        assert_eq!(grouped("ÄÖÜ"), "ÄÖÜ");
        assert_eq!(grouped(""), "");
    }
}
