//! A group's picture: showing, storing, setting, removing.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::Target;
use super::change::note_changed;
use crate::cli::call::{ChangeOptions, ReadOptions};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::{Done, input, progress, text};
use crate::pb::{self, set_group_picture_request::Source};

/// The contract's limit.
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// The service may fetch the picture first, and WhatsApp takes its time over it.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, Subcommand)]
pub enum PictureCommand {
    /// Show where the picture is, or store it in a file
    Get(GetArgs),
    /// Set the picture
    Set {
        /// The group, …@g.us
        group: String,
        /// A JPEG, PNG or WebP; a http:// or https:// address that the service fetches; or - for
        /// standard input
        #[arg(value_name = "FILE|URL|-")]
        picture: String,
        #[command(flatten)]
        change: ChangeOptions,
    },
    /// Remove the picture
    Delete {
        /// The group, …@g.us
        group: String,
        #[command(flatten)]
        change: ChangeOptions,
    },
}

#[derive(Debug, Args)]
pub struct GetArgs {
    /// The group, …@g.us
    group: String,
    /// Write the JPEG here; - for standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "format"])]
    file: Option<String>,
    /// Ask WhatsApp now
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    read: ReadOptions,
}

pub async fn run(target: &Target, command: PictureCommand) -> Result<Done, Failure> {
    match command {
        PictureCommand::Get(args) => get(target, args).await,
        PictureCommand::Set { group, picture, change } => {
            set(target, group, &picture, &change).await
        }
        PictureCommand::Delete { group, change } => delete(target, group, &change).await,
    }
}

async fn get(target: &Target, args: GetArgs) -> Result<Done, Failure> {
    let request = pb::GetGroupPictureRequest {
        session: target.session.clone(),
        group_id: args.group,
        refresh: args.refresh,
        min_sequence: args.read.min_sequence,
    };
    let send = async |request| target.connection.groups().get_group_picture(request).await;
    let Some(answer) = target.ask(&Effect::Read, "GetGroupPictureResponse", request, send).await?
    else {
        return Ok(Done::Fully);
    };
    let picture = answer.picture.unwrap_or_default();
    if let Some(path) = args.file {
        return store(target, &picture, &path);
    }
    target.output.table(&mut text::properties(rows(&picture)))?;
    target.note_synced(answer.as_of_sequence, answer.synced_time.as_ref())?;
    Ok(Done::Fully)
}

fn rows(picture: &pb::GroupPicture) -> Vec<(&'static str, String)> {
    let mut rows = vec![("id", text::safe(&picture.picture_id))];
    if !picture.url.is_empty() {
        rows.push(("url", text::safe(&picture.url)));
        rows.push(("url works until", text::time(picture.url_expire_time.as_ref())));
    }
    if !picture.data.is_empty() {
        rows.push(("bytes", format!("{}, which --output FILE stores", picture.data.len())));
    }
    rows
}

fn store(target: &Target, picture: &pb::GroupPicture, path: &str) -> Result<Done, Failure> {
    if picture.data.is_empty() {
        // Fetching needs TLS and trust in WhatsApp's servers, which other programs have.
        return Err(Failure::Local(format!(
            "WhatsApp gives this picture by its address only; fetch it there:\n  curl -o {path} '{}'",
            text::safe(&picture.url)
        )));
    }
    if path == "-" {
        target.output.bytes(&picture.data)?;
    } else {
        std::fs::write(path, &picture.data)
            .map_err(|error| Failure::Local(format!("cannot write {path}: {error}")))?;
        target.output.note(&format!("{} bytes in {path}", picture.data.len()))?;
    }
    Ok(Done::Fully)
}

fn source(picture: &str) -> Result<Source, Failure> {
    if picture.starts_with("http://") || picture.starts_with("https://") {
        return Ok(Source::Url(picture.to_owned()));
    }
    Ok(Source::Data(input::read(picture, MAX_BYTES)?.into()))
}

async fn set(
    target: &Target,
    group_id: String,
    picture: &str,
    change: &ChangeOptions,
) -> Result<Done, Failure> {
    let (request_id, call) = change.begin()?;
    let source = source(picture)?;
    let what = match &source {
        Source::Data(data) => format!("uploading {} bytes", data.len()),
        Source::Url(_) => "the service fetches the picture".to_owned(),
    };
    let request = pb::SetGroupPictureRequest {
        session: target.session.clone(),
        group_id,
        request_id,
        source: Some(source),
    };
    let limit = target.connection.patience(PATIENCE);
    let send = async |request| target.connection.groups().set_group_picture(request).await;
    let sent = target.connection.unary_within(limit, &call, request, send);
    let answer = progress::during(target.output, &what, sent).await?;
    if !target.output.answer("SetGroupPictureResponse", &answer)? {
        show(target, answer.group.as_ref(), answer.changed, answer.sequence)?;
    }
    Ok(Done::Fully)
}

async fn delete(
    target: &Target,
    group_id: String,
    change: &ChangeOptions,
) -> Result<Done, Failure> {
    let (request_id, call) = change.begin()?;
    let request =
        pb::DeleteGroupPictureRequest { session: target.session.clone(), group_id, request_id };
    let send = async |request| target.connection.groups().delete_group_picture(request).await;
    let answer = target.ask(&call, "DeleteGroupPictureResponse", request, send).await?;
    if let Some(answer) = answer {
        show(target, answer.group.as_ref(), answer.changed, answer.sequence)?;
    }
    Ok(Done::Fully)
}

fn show(
    target: &Target,
    group: Option<&pb::Group>,
    changed: bool,
    sequence: i64,
) -> Result<(), Failure> {
    let (id, picture) = group.map_or(("", ""), |group| (&group.id, &group.picture_id));
    let picture = match picture {
        "" => "no picture".to_owned(),
        id => format!("picture {}", text::safe(id)),
    };
    target.output.line(&format!("{}  {picture}", text::safe(id)))?;
    note_changed(target, changed, sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_left_to_the_service_and_a_file_is_read() {
        let url = "https://example.org/a.png";
        assert!(matches!(source(url), Ok(Source::Url(text)) if text == url));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), [0xff, 0xd8]).expect("written");
        let path = file.path().to_str().expect("a path");
        assert!(matches!(source(path), Ok(Source::Data(data)) if data[..] == [0xff, 0xd8]));
        assert!(source("/no/such/picture").is_err());
    }

    #[test]
    fn a_picture_is_shown_by_what_there_is_of_it() {
        let mut picture = pb::GroupPicture { picture_id: "9".into(), ..Default::default() };
        picture.url = "https://pps.whatsapp.net/v/9.jpg".into();
        assert_eq!(
            text::render(&mut text::properties(rows(&picture))),
            "id               9\n\
             url              https://pps.whatsapp.net/v/9.jpg\n\
             url works until  unknown"
        );
        let picture = pb::GroupPicture { data: vec![1, 2].into(), ..Default::default() };
        assert!(text::render(&mut text::properties(rows(&picture))).contains("bytes  2, which"));
    }
}
