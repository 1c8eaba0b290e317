//! Where in the log to begin, as several requests say it.

use tonic::Status;

use super::request::Fields;
use super::respond::refuse;
use crate::app::watch::WatchStart;
use crate::domain::token::ResumeToken;

pub(super) enum Start<'a> {
    Token(&'a [u8]),
    Time(&'a prost_types::Timestamp),
    Earliest,
    Latest,
}

/// Answers all violations at once; else the values and where to begin, which must be said. A token that is none is no
/// field's violation: it has a reason of its own, once the fields are right.
pub(super) fn finish<T>(
    mut fields: Fields,
    values: Option<T>,
    start: Option<Start<'_>>,
) -> Result<(T, WatchStart), Status> {
    let start = fields.required("start", start);
    let start = match start {
        None => None,
        Some(Start::Latest) => Some(WatchStart::Now),
        Some(Start::Earliest) => Some(WatchStart::Earliest),
        Some(Start::Time(time)) => fields.time("start_time", Some(time)).map(WatchStart::Time),
        Some(Start::Token(token)) => match ResumeToken::decode(token) {
            Ok(token) => Some(WatchStart::After(token)),
            Err(error) => {
                fields.finish(values)?;
                return Err(refuse(error));
            }
        },
    };
    fields.finish(values.zip(start))
}
