//! Creating and deleting sessions, changing them, and wanting them running or stopped.

use std::collections::HashMap;

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
    /// A label to set; may be repeated. Others stay
    #[arg(long, value_name = "NAME=VALUE", value_parser = settings::path_and_value)]
    metadata: Vec<(String, String)>,
    /// A label to remove; may be repeated
    #[arg(long, value_name = "NAME", conflicts_with = "clear_metadata")]
    remove_metadata: Vec<String>,
    /// Remove all labels that are not set by --metadata
    #[arg(long)]
    clear_metadata: bool,
    /// Change it only if it still has this etag, as `sessions get --json` shows it
    #[arg(long, value_name = "ETAG", default_value = "", hide_default_value = true)]
    expected_etag: String,
    /// The engine's settings replace those there were, and count from the next start; what concerns
    /// webhooks counts at once
    #[command(flatten)]
    settings: EngineArgs,
}

impl UpdateArgs {
    fn request(self) -> Result<pb::UpdateSessionRequest, Failure> {
        let mut paths = Vec::new();
        if self.clear_metadata {
            paths.push("metadata".to_owned());
        }
        let merges = !self.metadata.is_empty() || !self.remove_metadata.is_empty();
        paths.extend(self.settings.paths());
        let config = self.settings.config()?;
        if paths.is_empty() && !merges {
            return Err(Failure::Usage(
                "say what to change: --metadata, --remove-metadata, --clear-metadata, --phone-number, --waha-server, \
                 --waha-session or --webhook-secret-file"
                    .to_owned(),
            ));
        }
        let given = self.metadata.into_iter().collect();
        let (metadata, set_metadata) =
            if self.clear_metadata { (given, HashMap::new()) } else { (HashMap::new(), given) };
        Ok(pb::UpdateSessionRequest {
            session: self.name,
            update_mask: Some(prost_types::FieldMask { paths }),
            metadata,
            config: config.map(Into::into),
            set_metadata,
            remove_metadata: self.remove_metadata,
            expected_etag: self.expected_etag,
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
    if !output.answer("UpdateSessionResponse", &answer)? {
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
    if !output.answer("CreateSessionResponse", &answer)? {
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
    if !output.answer("DeleteSessionResponse", &answer)? {
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
    if !output.answer("StartSessionResponse", &answer)? {
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
    if !output.answer("StopSessionResponse", &answer)? {
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
        assert_eq!(paths(&["--metadata", "k=v"]), Some(Vec::new()));
        let set = |words: &[&str]| request(words).map(|request| request.set_metadata);
        assert_eq!(set(&["--metadata", "k=v"]), Some([("k".to_owned(), "v".to_owned())].into()));
        assert_eq!(set(&["--metadata", "k=v", "--clear-metadata"]), Some(HashMap::new()));
        assert_eq!(paths(&["--remove-metadata", "k"]), Some(Vec::new()));
        assert_eq!(paths(&["--clear-metadata"]), Some(vec!["metadata".to_owned()]));
        assert_eq!(
            paths(&["--waha-server", "w", "--metadata", "k=v"]),
            Some(vec!["waha".to_owned()])
        );
        assert_eq!(paths(&["--phone-number", ""]), Some(vec!["simulator".to_owned()]));
        assert_eq!(paths(&[]), None);
        assert_eq!(paths(&["--clear-metadata", "--remove-metadata", "k"]), None);
        assert_eq!(paths(&["--phone-number", "1", "--waha-server", "w"]), None);
    }
}
