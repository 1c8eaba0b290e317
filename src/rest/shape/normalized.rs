//! WAHA's own words: `GroupInfo`, `GroupParticipant`. `pn` is there wherever the number is known.

use serde_json::{Value, json};

use super::{code_of, person};
use crate::domain::id::InviteCode;
use crate::domain::participant::ParticipantResult;
pub use crate::envelope::words::{group, participant};
use crate::pb;

pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> Value {
    let mut info = group(made, true);
    info["results"] = results.iter().map(|each| result(made, each)).collect();
    info
}

/// The person, the code, and the private invite where one is needed.
pub fn result(group: &pb::Group, result: &ParticipantResult) -> Value {
    let person = person(group, result);
    let mut told = participant(&person);
    if let (pb::Role::Unspecified, Some(told)) = (person.role(), told.as_object_mut()) {
        // Who is no member has no role; `left` is for those who were.
        told.remove("role");
    }
    told["code"] = json!(code_of(result));
    told["status"] = json!(result.status);
    if let Some(invite) = &result.private_invite {
        told["invite"] = json!({
            "code": invite.code.to_string(), "expiration": invite.expire_time.to_string(),
        });
    }
    told
}

pub fn preview(shown: &pb::Group, size: i32, code: &InviteCode) -> Value {
    let mut info = group(shown, true);
    info["invite"] = json!(code.link());
    info["size"] = json!(size);
    info
}
