//! Creating and deleting sessions, changing them, and wanting them running or stopped.

use clap::Args;

use super::engine::{EngineArgs, EngineName};
use super::show::{show, show_changed};
use crate::cli::connect::Connection;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::{Done, settings};
use crate::pb;

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// 1 to 64 characters of A-Z a-z 0-9 . _ -
    name: String,
    /// What carries its calls to WhatsApp; the service's default unless given
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    #[command(flatten)]
    settings: EngineArgs,
    /// Do not start it yet
    #[arg(long)]
    stopped: bool,
    /// A label of your own; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = settings::path_and_value)]
    metadata: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The session
    name: String,
    /// A label of your own; may be repeated. Those given replace all that there were
    #[arg(long, value_name = "NAME=VALUE", value_parser = settings::path_and_value)]
    metadata: Vec<(String, String)>,
    /// Remove all labels
    #[arg(long, conflicts_with = "metadata")]
    clear_metadata: bool,
    /// The engine's settings replace those there were, and count from the next start; what concerns
    /// webhooks counts at once
    #[command(flatten)]
    settings: EngineArgs,
}

impl UpdateArgs {
    fn request(self) -> Result<pb::UpdateSessionRequest, Failure> {
        let mut paths = Vec::new();
        if self.clear_metadata || !self.metadata.is_empty() {
            paths.push("metadata".to_owned());
        }
        paths.extend(self.settings.paths());
        let config = self.settings.config()?;
        if paths.is_empty() {
            return Err(Failure::Usage(
                "say what to change: --metadata, --clear-metadata, --phone-number, --waha-server, \
                 --waha-session or --webhook-secret-file"
                    .to_owned(),
            ));
        }
        Ok(pb::UpdateSessionRequest {
            session: self.name,
            update_mask: Some(prost_types::FieldMask { paths }),
            metadata: self.metadata.into_iter().collect(),
            config: config.map(Into::into),
        })
    }
}

pub async fn update(
    connection: &Connection,
    args: UpdateArgs,
    output: Output,
) -> Result<Done, Failure> {
    let request = args.request()?;
    let send = async |request| connection.sessions().update_session(request).await;
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.json_answer("UpdateSessionResponse", &answer)? {
        show_changed(answer.changed, answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn create(
    connection: &Connection,
    args: CreateArgs,
    output: Output,
) -> Result<Done, Failure> {
    let config = args.settings.config()?;
    if let (Some(config), Some(engine)) = (&config, args.engine) {
        config.check(engine)?;
    }
    let request = pb::CreateSessionRequest {
        session: args.name,
        engine: args.engine.map_or(pb::Engine::Unspecified, Into::into).into(),
        stopped: args.stopped,
        metadata: args.metadata.into_iter().collect(),
        config: config.map(Into::into),
    };
    let send = async |request| connection.sessions().create_session(request).await;
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.json_answer("CreateSessionResponse", &answer)? {
        show(answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn delete(
    connection: &Connection,
    session: String,
    output: Output,
) -> Result<Done, Failure> {
    let request = pb::DeleteSessionRequest { session: session.clone() };
    let send = async |request| connection.sessions().delete_session(request).await;
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.json_answer("DeleteSessionResponse", &answer)? {
        output.line(&format!(
            "deleted {session}; its history ends at sequence {}",
            answer.sequence
        ))?;
    }
    Ok(Done::Fully)
}

pub async fn start(
    connection: &Connection,
    session: String,
    output: Output,
) -> Result<Done, Failure> {
    let send = async |request| connection.sessions().start_session(request).await;
    let answer = connection.unary(&Effect::Once, pb::StartSessionRequest { session }, send).await?;
    if !output.json_answer("StartSessionResponse", &answer)? {
        show_changed(answer.changed, answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn stop(
    connection: &Connection,
    session: String,
    output: Output,
) -> Result<Done, Failure> {
    let send = async |request| connection.sessions().stop_session(request).await;
    let answer = connection.unary(&Effect::Once, pb::StopSessionRequest { session }, send).await?;
    if !output.json_answer("StopSessionResponse", &answer)? {
        show_changed(answer.changed, answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: UpdateArgs,
    }

    fn request(words: &[&str]) -> Option<pb::UpdateSessionRequest> {
        let words = ["update", "a"].into_iter().chain(words.iter().copied());
        Line::try_parse_from(words).ok()?.args.request().ok()
    }

    #[test]
    fn only_what_is_named_is_changed() {
        let paths = |words: &[&str]| Some(request(words)?.update_mask?.paths);
        assert_eq!(paths(&["--metadata", "k=v"]), Some(vec!["metadata".to_owned()]));
        assert_eq!(paths(&["--clear-metadata"]), Some(vec!["metadata".to_owned()]));
        assert_eq!(
            paths(&["--waha-server", "w", "--metadata", "k=v"]),
            Some(vec!["metadata".to_owned(), "waha".to_owned()])
        );
        assert_eq!(paths(&["--phone-number", ""]), Some(vec!["simulator".to_owned()]));
        assert_eq!(paths(&[]), None);
        assert_eq!(paths(&["--clear-metadata", "--metadata", "k=v"]), None);
        assert_eq!(paths(&["--phone-number", "1", "--waha-server", "w"]), None);
    }
}
