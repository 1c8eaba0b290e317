//! What became of each person, both ways.

use serde_json::Value;
use wagroups::pb;

use super::words;
use crate::harness::service::Service;

/// What the route of this path does, over gRPC.
pub async fn change_people(
    service: &Service,
    path: &str,
    group_id: &str,
    people: &[&str],
) -> Vec<pb::ParticipantResult> {
    let (session, group_id) = ("default".to_owned(), group_id.to_owned());
    let participant_ids = people.iter().map(|id| (*id).to_owned()).collect();
    let mut groups = service.groups();
    macro_rules! change {
        ($method:ident, $request:ident) => {{
            let request = pb::$request { session, group_id, participant_ids, ..Default::default() };
            groups.$method(request).await.expect("done").into_inner().results
        }};
    }
    match path.rsplit('/').next().unwrap_or_default() {
        "add" => change!(add_participants, AddParticipantsRequest),
        "remove" => change!(remove_participants, RemoveParticipantsRequest),
        "promote" => change!(promote_participants, PromoteParticipantsRequest),
        "demote" => change!(demote_participants, DemoteParticipantsRequest),
        other => panic!("nothing changes people by {other}"),
    }
}

/// In the order of the call: who, with which code, and whether a private invite came of it.
pub fn compare_results(rest: &Value, grpc: &[pb::ParticipantResult]) {
    let rest = rest.as_array().expect("results");
    let codes: Vec<u64> = rest.iter().map(|each| each["code"].as_u64().expect("a code")).collect();
    assert_eq!(codes, words::codes(grpc), "{rest:?} {grpc:?}");
    for (rest, grpc) in rest.iter().zip(grpc) {
        let person = grpc.participant.as_ref().expect("somebody");
        assert_eq!(rest["id"].as_str(), Some(person.id.as_str()), "{rest} {grpc:?}");
        let status = grpc.status().as_str_name().trim_start_matches("PARTICIPANT_STATUS_");
        let said = rest["status"].as_str().unwrap_or_default();
        assert_eq!(said.to_uppercase(), status, "{rest}");
        let has_invite = rest.get("invite").is_some();
        assert_eq!(has_invite, grpc.private_invite.is_some(), "{rest} {grpc:?}");
    }
}
