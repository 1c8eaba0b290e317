//! Each role at each RPC and at each route: refused where it is too low, before anything else is looked at, and nowhere
//! else.

use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::Value;
use tonic::client::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;
use wagroups::config::{ApiKey, Settings};
use wagroups::domain::auth::Role;
use wagroups::pb::DESCRIPTORS;

use super::keys::{key, with_key};
use crate::harness::service::{Service, http_client};
use crate::rest::listening;

fn secret(role: Role) -> String {
    format!("wag_{role}")
}

fn settings(settings: &mut Settings) {
    listening(settings);
    let of = |role: Role| ApiKey { role: Some(role), ..key(role.as_str(), &secret(role), "*") };
    settings.auth.keys = Role::ALL.map(of).to_vec();
}

/// What docs/SECURITY.md says, in the words of the contract.
fn needed(service: &str, method: &str) -> Role {
    let is_read = ["Get", "List", "Count", "Watch"].iter().any(|read| method.starts_with(read));
    match (service, method) {
        ("GroupsService", "GetInviteCode") => Role::Operator,
        ("SessionsService", "WatchSession") => Role::Admin,
        ("GroupsService" | "SessionsService", _) if is_read => Role::Reader,
        ("GroupsService", _) => Role::Operator,
        _ => Role::Admin,
    }
}

fn role_that_is_missing(status: &Status) -> Option<String> {
    let info = status.get_error_details().error_info()?.clone();
    info.metadata.get("needed_role").cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rpc_is_refused_to_the_roles_below_the_one_that_it_needs() {
    let service = Service::on_sqlite_with(settings).await;
    let files = FileDescriptorSet::decode(DESCRIPTORS).expect("the contract").file;
    let mut asked = 0;
    for file in &files {
        for described in &file.service {
            for method in &described.method {
                let path = format!("/{}.{}/{}", file.package(), described.name(), method.name());
                let needed = needed(described.name(), method.name());
                for role in Role::ALL {
                    let mut client = Grpc::new(service.channel.clone());
                    client.ready().await.expect("a connection");
                    let path = path.parse().expect("a path");
                    let call = client.server_streaming(
                        with_key(&secret(role), ()),
                        path,
                        ProstCodec::<(), ()>::default(),
                    );
                    // An empty request names no session: who may call is refused for that, or is answered.
                    let missing =
                        call.await.err().filter(|status| role_that_is_missing(status).is_some());
                    let is_refused = missing.is_some();
                    assert_eq!(
                        is_refused,
                        role < needed,
                        "{role} at {} {}",
                        described.name(),
                        method.name()
                    );
                    if let Some(status) = missing {
                        assert_eq!(status.code(), Code::PermissionDenied);
                        assert_eq!(role_that_is_missing(&status).as_deref(), Some(needed.as_str()));
                    }
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 3 * 60, "{asked}");
}

/// The same for WAHA's paths; `is_carried`: a WAHA server is asked.
fn needed_at(method: &str, path: &str, is_carried: bool) -> Role {
    match (method, path) {
        (_, "/api/screenshot") => Role::Admin,
        _ if is_carried => Role::Operator,
        ("get", "/api/{session}/groups/{id}/invite-code") => Role::Operator,
        ("get", "/api/{session}/auth/qr") => Role::Admin,
        ("get", _) => Role::Reader,
        (_, path) if path.starts_with("/api/{session}/groups") => Role::Operator,
        _ => Role::Admin,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_is_refused_to_the_roles_below_the_one_that_it_needs() {
    let service = Service::on_sqlite_with(settings).await;
    let (base, client) = (service.rest_url(), http_client());
    let document = client.get(format!("{base}/openapi.json")).send().await.expect("an answer");
    let document: Value = document.json().await.expect("JSON");
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let is_carried = operation["tags"][0] == "Carried by WAHA";
            let needed = needed_at(method, path, is_carried);
            // A session that is not there, so that nothing happens to one that is.
            let url = path.replace("{session}", "nobody").replace(['{', '}'], "");
            for role in Role::ALL {
                let verb = method.to_uppercase().parse().expect("a method");
                let request = client.request(verb, format!("{base}{url}"));
                let answer = request.header("x-api-key", secret(role)).send().await;
                let answer = answer.expect("an answer");
                let is_refused = answer.status() == 403;
                assert_eq!(is_refused, role < needed, "{role} at {method} {path}");
                if is_refused {
                    let text = answer.text().await.expect("a body");
                    assert!(text.contains(&format!("has the role {role}")), "{text}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 3 * 40, "{asked}");
}
