//! Messages as JSON, in proto3's own mapping: the contract's descriptors do the work, so that a new
//! field or message needs nothing here.
//!
//! Field names are in lowerCamelCase, enums by name, 64-bit numbers as strings, bytes in base64,
//! times in RFC 3339. Fields that are not set are left out.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Serialize;
use serde_json::Value;

use crate::pb;

static CONTRACT: LazyLock<Result<DescriptorPool, String>> =
    LazyLock::new(|| DescriptorPool::decode(pb::DESCRIPTORS).map_err(|error| error.to_string()));

/// The message as JSON; `name` is its name in the contract, without the package.
pub fn of_message(name: &str, message: &impl Message) -> Result<Value, String> {
    of_bytes(name, &message.encode_to_vec())
}

/// The encoded message as JSON, fields that this version does not know left out.
pub fn of_bytes(name: &str, encoded: &[u8]) -> Result<Value, String> {
    serde_json::to_value(readable(name, encoded)?).map_err(|error| error.to_string())
}

/// The encoded message as the text of its JSON.
pub fn text_of_bytes(name: &str, encoded: &[u8]) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&readable(name, encoded)?).map_err(|error| error.to_string())
}

fn readable(name: &str, encoded: &[u8]) -> Result<impl Serialize + use<>, String> {
    let contract = CONTRACT.as_ref().map_err(Clone::clone)?;
    let descriptor = contract
        .get_message_by_name(&format!("wagroups.v1.{name}"))
        .ok_or_else(|| format!("the contract has no message {name}"))?;
    DynamicMessage::decode(descriptor, encoded).map_err(|error| error.to_string())
}

/// The message that the JSON stands for; fields that the message does not have are refused.
pub fn to_message<M: Message + Default>(name: &str, json: &Value) -> Result<M, String> {
    let contract = CONTRACT.as_ref().map_err(Clone::clone)?;
    let descriptor = contract
        .get_message_by_name(&format!("wagroups.v1.{name}"))
        .ok_or_else(|| format!("the contract has no message {name}"))?;
    let message =
        DynamicMessage::deserialize(descriptor, json).map_err(|error| error.to_string())?;
    message.transcode_to().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_maps_as_proto3_says() {
        let event = pb::GroupEvent {
            id: "evt_01k".into(),
            session: "default".into(),
            sequence: 9_007_199_254_740_993,
            group_id: "120363000000000001@g.us".into(),
            r#type: pb::EventType::ParticipantsChanged.into(),
            occur_time: Some(prost_types::Timestamp { seconds: 1_764_000_000, nanos: 500_000_000 }),
            engine: pb::Engine::Simulator.into(),
            origin: pb::Origin::Api.into(),
            body: Some(pb::group_event::Body::ParticipantsChanged(pb::ParticipantsChanged {
                action: pb::ParticipantAction::Join.into(),
                previous_roles: Vec::new(),
                participants: vec![pb::Participant {
                    id: "77@lid".into(),
                    phone_number_id: "4915100000001@c.us".into(),
                    role: pb::Role::Participant.into(),
                    ..Default::default()
                }],
            })),
            engine_data: vec![0xff, 0].into(),
            ..Default::default()
        };
        let expected = serde_json::json!({
            "id": "evt_01k",
            "session": "default",
            "sequence": "9007199254740993",
            "groupId": "120363000000000001@g.us",
            "type": "EVENT_TYPE_PARTICIPANTS_CHANGED",
            "occurTime": "2025-11-24T16:00:00.500Z",
            "engine": "ENGINE_SIMULATOR",
            "origin": "ORIGIN_API",
            "participantsChanged": {
                "action": "PARTICIPANT_ACTION_JOIN",
                "participants": [{
                    "id": "77@lid",
                    "phoneNumberId": "4915100000001@c.us",
                    "role": "ROLE_PARTICIPANT",
                }],
            },
            "engineData": "/wA=",
        });
        assert_eq!(of_message("GroupEvent", &event).expect("JSON"), expected);
    }

    #[test]
    fn responses_that_carry_encoded_groups_show_the_groups() {
        let group = pb::Group { id: "1@g.us".into(), member_count: 3, ..Default::default() };
        let response =
            pb::GetGroupResponse { group: group.encode_to_vec().into(), ..Default::default() };
        let json = of_message("GetGroupResponse", &response).expect("JSON");
        assert_eq!(json, serde_json::json!({ "group": { "id": "1@g.us", "memberCount": 3 } }));
    }

    #[test]
    fn what_was_printed_reads_back() {
        let invite = pb::PrivateInvite {
            code: "AbC".into(),
            expire_time: Some(prost_types::Timestamp { seconds: 1_764_000_000, nanos: 0 }),
            group_id: "1@g.us".into(),
            inviter: "77@lid".into(),
        };
        let json = of_message("PrivateInvite", &invite).expect("JSON");
        assert_eq!(to_message::<pb::PrivateInvite>("PrivateInvite", &json), Ok(invite));
        let odd = serde_json::json!({ "code": "AbC", "colour": "red" });
        let refused = to_message::<pb::PrivateInvite>("PrivateInvite", &odd).expect_err("refused");
        assert!(refused.contains("colour"), "{refused}");
    }

    #[test]
    fn an_unknown_name_is_an_error_and_no_panic() {
        assert!(of_bytes("NoSuchMessage", &[]).is_err());
    }
}
