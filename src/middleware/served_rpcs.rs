//! The RPCs that are served, and what the layers have to know of each: one table, made of the contract.

use std::collections::HashMap;
use std::sync::Arc;

use prost::{DecodeError, Message as _};
use prost_types::{FileDescriptorSet, MethodDescriptorProto};

use crate::domain::auth::Role;
use crate::telemetry::RpcSeries;

/// What the names of RPCs begin with that change nothing.
const READS: [&str; 6] = ["Get", "List", "Count", "Watch", "Check", "ServerReflection"];
/// The methods whose requests hold a picture.
const LARGE_REQUESTS: [&str; 2] =
    ["wagroups.v1.GroupsService/SetGroupPicture", "wagroups.v1.SimulatorService/Act"];
/// The streams that have seats of their own.
const SEATED: [&str; 2] =
    ["wagroups.v1.GroupsService/WatchGroupEvents", "wagroups.v1.SessionsService/WatchSession"];

/// Reads that show what lets others in: an invite code into a group, a QR code into a session.
const REVEALING: [(&str, Role); 2] = [
    ("wagroups.v1.GroupsService/GetInviteCode", Role::Operator),
    ("wagroups.v1.SessionsService/WatchSession", Role::Admin),
];

/// One RPC.
#[derive(Debug)]
pub struct ServedRpc {
    /// Its service, with the package, and its method.
    pub name: Arc<str>,
    pub is_mutation: bool,
    /// What a key must have to call it.
    pub role: Role,
    /// The client may send any number of messages.
    pub takes_many: bool,
    pub answers_many: bool,
    /// Its requests may be as large as any.
    pub is_large: bool,
    /// A stream with a limit of its own elsewhere.
    pub is_seated: bool,
    /// The number of its request's field `request_id`; none where it has none.
    pub request_id: Option<u32>,
    pub series: RpcSeries,
}

impl ServedRpc {
    fn new(service: &str, method: &MethodDescriptorProto, request_id: Option<u32>) -> Self {
        let name = format!("{service}/{}", method.name());
        let is_mutation = !READS.iter().any(|read| method.name().starts_with(read));
        Self {
            is_mutation,
            role: role(service, &name, is_mutation),
            takes_many: method.client_streaming(),
            answers_many: method.server_streaming(),
            is_large: LARGE_REQUESTS.contains(&&*name),
            is_seated: SEATED.contains(&&*name),
            request_id,
            series: RpcSeries::new(service, method.name()),
            name: name.into(),
        }
    }

    fn unknown() -> Self {
        Self {
            name: "unknown".into(),
            is_mutation: false,
            role: Role::Reader,
            takes_many: false,
            answers_many: false,
            is_large: false,
            is_seated: false,
            request_id: None,
            series: RpcSeries::new("unknown", "unknown"),
        }
    }
}

/// A service that is not named here is for admins, until somebody decides.
fn role(service: &str, name: &str, is_mutation: bool) -> Role {
    if let Some((_, role)) = REVEALING.iter().find(|(revealing, _)| *revealing == name) {
        return *role;
    }
    match (service, is_mutation) {
        ("wagroups.v1.GroupsService", true) => Role::Operator,
        ("wagroups.v1.GroupsService" | "wagroups.v1.SessionsService", false) => Role::Reader,
        (service, _) if service.starts_with("grpc.") => Role::Reader,
        _ => Role::Admin,
    }
}

/// All of them. Calls are counted before their key is looked at, so that a path that someone made up must leave no name
/// behind, whatever the answer is.
#[derive(Debug)]
pub struct ServedRpcs {
    by_path: HashMap<String, Arc<ServedRpc>>,
    unknown: Arc<ServedRpc>,
}

impl ServedRpcs {
    /// All methods of these encoded descriptors.
    pub fn new(descriptors: &[&[u8]]) -> Result<Self, DecodeError> {
        let mut by_path = HashMap::new();
        for descriptors in descriptors {
            for file in FileDescriptorSet::decode(*descriptors)?.file {
                let request_id = |method: &MethodDescriptorProto| {
                    let name = method.input_type().rsplit('.').next().unwrap_or_default();
                    let input = file.message_type.iter().find(|message| message.name() == name)?;
                    let field = input.field.iter().find(|field| field.name() == "request_id")?;
                    u32::try_from(field.number()).ok()
                };
                for service in &file.service {
                    let name = format!("{}.{}", file.package(), service.name());
                    let rpcs = service
                        .method
                        .iter()
                        .map(|method| ServedRpc::new(&name, method, request_id(method)));
                    by_path.extend(rpcs.map(|rpc| (format!("/{}", rpc.name), Arc::new(rpc))));
                }
            }
        }
        Ok(Self { by_path, unknown: Arc::new(ServedRpc::unknown()) })
    }

    /// The RPC of this path; one that stands for all others where it is none that is served.
    pub fn of(&self, path: &str) -> &Arc<ServedRpc> {
        self.by_path.get(path).unwrap_or(&self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::DESCRIPTORS;

    fn names(matches: impl Fn(&ServedRpc) -> bool) -> Vec<Arc<str>> {
        let served = ServedRpcs::new(&[DESCRIPTORS]).unwrap();
        let found = served.by_path.values().filter(|rpc| matches(rpc));
        let mut names: Vec<Arc<str>> = found.map(|rpc| rpc.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Without the package.
    fn short_names(matches: impl Fn(&ServedRpc) -> bool) -> Vec<String> {
        let short = |name: &Arc<str>| name.trim_start_matches("wagroups.v1.").to_owned();
        names(matches).iter().map(short).collect()
    }

    #[test]
    fn each_name_here_is_one_of_the_contract() {
        assert_eq!(names(|rpc| rpc.is_large), LARGE_REQUESTS.map(Arc::from));
        assert_eq!(names(|rpc| rpc.is_seated), SEATED.map(Arc::from));
        assert!(names(|rpc| rpc.is_seated && !rpc.answers_many).is_empty());
    }

    #[test]
    fn what_nobody_serves_is_unknown() {
        let served = ServedRpcs::new(&[DESCRIPTORS]).unwrap();
        assert_eq!(&*served.of("/wagroups.v1.GroupsService/GetGroups").name, "unknown");
        assert_eq!(
            &*served.of("/wagroups.v1.GroupsService/GetGroup").name,
            "wagroups.v1.GroupsService/GetGroup"
        );
    }

    /// The matrix of docs/SECURITY.md: a new RPC has to be decided about here.
    #[test]
    fn each_rpc_needs_the_role_that_was_decided() {
        let of = |role: Role| short_names(|rpc| rpc.role == role);
        assert_eq!(
            of(Role::Reader),
            [
                "GroupsService/CountGroups",
                "GroupsService/GetDisappearingTimer",
                "GroupsService/GetGroup",
                "GroupsService/GetGroupPicture",
                "GroupsService/GetInfoAdminOnly",
                "GroupsService/GetJoinInfo",
                "GroupsService/GetMemberAddMode",
                "GroupsService/GetMemberShareHistory",
                "GroupsService/GetMembershipApproval",
                "GroupsService/GetMessagesAdminOnly",
                "GroupsService/ListGroupEvents",
                "GroupsService/ListGroups",
                "GroupsService/ListJoinRequests",
                "GroupsService/ListParticipants",
                "GroupsService/WatchGroupEvents",
                "SessionsService/GetSession",
                "SessionsService/ListSessions",
            ]
        );
        let operator = of(Role::Operator);
        assert!(operator.iter().all(|name| name.starts_with("GroupsService/")), "{operator:?}");
        assert!(operator.contains(&"GroupsService/GetInviteCode".to_owned()));
        let admin = of(Role::Admin);
        assert!(admin.iter().all(|name| !name.starts_with("GroupsService/")), "{admin:?}");
        assert!(admin.contains(&"WebhooksService/ListWebhooks".to_owned()));
    }

    #[test]
    fn each_rpc_that_changes_something_is_a_mutation() {
        assert_eq!(
            short_names(|rpc| !rpc.is_mutation),
            [
                "GroupsService/CountGroups",
                "GroupsService/GetDisappearingTimer",
                "GroupsService/GetGroup",
                "GroupsService/GetGroupPicture",
                "GroupsService/GetInfoAdminOnly",
                "GroupsService/GetInviteCode",
                "GroupsService/GetJoinInfo",
                "GroupsService/GetMemberAddMode",
                "GroupsService/GetMemberShareHistory",
                "GroupsService/GetMembershipApproval",
                "GroupsService/GetMessagesAdminOnly",
                "GroupsService/ListGroupEvents",
                "GroupsService/ListGroups",
                "GroupsService/ListJoinRequests",
                "GroupsService/ListParticipants",
                "GroupsService/WatchGroupEvents",
                "RelayService/GetRelay",
                "SessionsService/GetSession",
                "SessionsService/ListSessions",
                "SessionsService/WatchSession",
                "SimulatorService/GetAccount",
                "SimulatorService/GetStatistics",
                "SimulatorService/GetWorldGroup",
                "SimulatorService/ListCalls",
                "SimulatorService/ListWorldGroups",
                "WebhooksService/GetWebhook",
                "WebhooksService/ListWebhooks",
            ]
        );
    }
}
