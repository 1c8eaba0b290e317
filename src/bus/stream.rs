//! The stream: found as somebody has made it, or made; never altered.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};

use super::{Options, subject, with_causes};

/// And whether it had to be made; or what keeps it from being used.
pub(super) async fn find_or_make(
    context: &Context,
    options: &Options,
) -> Result<(Stream<()>, bool), String> {
    let name = &options.stream;
    let mut is_new = false;
    match context.get_stream(name).await {
        Ok(stream) => check(&stream.cached_info().config, options)?,
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(refusal) if is_missing(&refusal) => {
                make(context, options).await?;
                is_new = true;
            }
            _ => return Err(format!("the stream {name}: {}", with_causes(&error))),
        },
    }
    let found = context.get_stream_no_info(name).await;
    let stream = found.map_err(|error| format!("the stream {name}: {}", with_causes(&error)))?;
    Ok((stream, is_new))
}

pub(super) fn is_missing(refusal: &async_nats::jetstream::Error) -> bool {
    refusal.error_code() == ErrorCode::STREAM_NOT_FOUND
}

fn check(found: &Config, options: &Options) -> Result<(), String> {
    let (name, prefix) = (&options.stream, &options.subject_prefix);
    let unfit = [
        (found.no_ack, "acknowledges nothing (no_ack)"),
        (found.sealed, "is sealed"),
        (found.mirror.is_some(), "is a mirror of another one"),
        (found.subject_transform.is_some(), "changes subjects (subject_transform)"),
    ];
    if let Some((_, what)) = unfit.iter().find(|(is_so, _)| *is_so) {
        return Err(format!("the stream {name} {what}: set nats.stream to another name"));
    }
    if !found.subjects.iter().any(|pattern| subject::covers(pattern, prefix)) {
        return Err(format!(
            "the stream {name} takes {}, and not {prefix}.>: add that to it, or set nats.stream to another name",
            found.subjects.join(", ")
        ));
    }
    if found.retention != RetentionPolicy::Limits {
        tracing::warn!(
            stream = name,
            "the stream removes what was consumed, so that a session's last event may be missing in it: then neither order nor \
             \"once\" can be promised over a crash or a takeover; retention by limits is what this is made for"
        );
    }
    Ok(())
}

async fn make(context: &Context, options: &Options) -> Result<(), String> {
    let limits = &options.limits;
    let config = Config {
        name: options.stream.clone(),
        description: Some("Events of WhatsApp groups, by wagroups".to_owned()),
        subjects: vec![format!("{}.>", options.subject_prefix)],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        num_replicas: limits.replicas,
        max_age: limits.max_age,
        max_bytes: i64::try_from(limits.max_bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(-1),
        duplicate_window: limits.duplicate_window,
        ..Config::default()
    };
    let made = context.create_stream(config).await;
    made.map(drop).map_err(|error| {
        format!("the stream {} cannot be made: {}", options.stream, with_causes(&error))
    })
}
