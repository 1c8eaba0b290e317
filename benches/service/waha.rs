//! Webhooks as WAHA posts them from GOWS: members who come and go, signed, ready to be written.

use std::collections::VecDeque;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha512;
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::pb;
use wagroups::telemetry::SystemClock;

pub const SESSION: &str = "bench";
pub const SECRET: &str = "the secret of the benchmark";
pub const GROUPS: usize = 200;
/// Who leaves has come so many rounds of all groups before, so that no webhook overtakes the one that
/// it follows from.
const MEMBERS: u64 = 16;

/// What a webhook tells, and so the event that is to come of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    member: String,
    leaves: bool,
}

impl Change {
    /// What an event tells; `None` where no webhook of ours has told it.
    pub fn of(event: &pb::GroupEvent) -> Option<Self> {
        let Some(pb::group_event::Body::ParticipantsChanged(changed)) = &event.body else {
            return None;
        };
        let member = changed.participants.first()?.id.clone();
        Some(Self { member, leaves: changed.action() == pb::ParticipantAction::Leave })
    }
}

/// A WAHA server with one session.
pub struct Waha {
    events: u64,
    people: u64,
    /// Of each group, who came first at the front.
    members: Vec<VecDeque<u64>>,
}

impl Waha {
    pub fn new() -> Self {
        let people = GROUPS as u64 * MEMBERS;
        let of_group = |group: u64| (group * MEMBERS..(group + 1) * MEMBERS).collect();
        Self { events: 0, people, members: (0..GROUPS as u64).map(of_group).collect() }
    }

    /// The requests that tell of all groups as they are.
    pub fn groups(&mut self) -> Vec<Bytes> {
        (0..GROUPS).map(|group| self.group(group)).collect()
    }

    /// Requests that tell of a member more or less, each made so many a second after the one before;
    /// and what they tell.
    pub fn changes(&mut self, count: usize, rate: f64) -> Vec<(Bytes, Change)> {
        let begin = SystemClock.now().as_micros();
        (0..count)
            .map(|number| {
                let micros = (number as f64 * 1e6 / rate) as i64;
                self.change(number, Timestamp::from_micros(begin + micros))
            })
            .collect()
    }

    fn change(&mut self, number: usize, time: Timestamp) -> (Bytes, Change) {
        let leaves = number % 2 == 1;
        let group = (number / 2 + if leaves { GROUPS / 2 } else { 0 }) % GROUPS;
        let members = &mut self.members[group];
        let who = if leaves {
            members.pop_front().expect("as many come as leave")
        } else {
            members.push_back(self.people);
            self.people += 1;
            self.people - 1
        };
        let member = lid(who);
        let action = if leaves { "leave" } else { "join" };
        let list = |is_it: bool| if is_it { json!([member]) } else { Value::Null };
        let payload = json!({
            "group": { "id": group_id(group) },
            "type": action,
            "timestamp": time.as_millis(),
            "participants": [{ "id": member, "pn": null, "role": "participant" }],
            "_data": {
                "JID": group_id(group), "Notify": "", "Sender": admin(group), "SenderPN": admin_pn(group),
                "Timestamp": time.to_string(), "JoinReason": "", "Join": list(!leaves),
                "Leave": list(leaves), "Promote": null, "Demote": null, "UnknownChanges": null,
            },
        });
        (self.request("group.v2.participants", payload, time), Change { member, leaves })
    }

    fn group(&mut self, group: usize) -> Bytes {
        let time = SystemClock.now();
        let members: Vec<String> = self.members[group].iter().map(|who| lid(*who)).collect();
        let mut listed = vec![json!({ "id": admin(group), "pn": null, "role": "superadmin" })];
        listed.push(json!({ "id": "1@lid", "pn": null, "role": "participant" }));
        listed.extend(
            members.iter().map(|id| json!({ "id": id, "pn": null, "role": "participant" })),
        );
        let raw: Vec<Value> = listed
            .iter()
            .map(|m| json!({ "JID": m["id"], "LID": m["id"], "PhoneNumber": "" }))
            .collect();
        let payload = json!({
            "timestamp": time.as_millis(),
            "group": {
                "id": group_id(group), "subject": format!("Group {group}"), "description": "",
                "membersCanAddNewMember": true, "membersCanSendMessages": false,
                "newMembersApprovalRequired": false, "participants": listed,
            },
            "_data": {
                "JID": group_id(group), "OwnerJID": admin(group), "OwnerPN": admin_pn(group),
                "Name": format!("Group {group}"), "Topic": "", "IsLocked": false, "IsAnnounce": false,
                "IsJoinApprovalRequired": false, "DisappearingTimer": 0, "AddressingMode": "lid",
                "GroupCreated": "2026-01-01T00:00:00Z", "Participants": raw,
            },
        });
        self.request("group.v2.join", payload, time)
    }

    fn request(&mut self, event: &str, payload: Value, time: Timestamp) -> Bytes {
        self.events += 1;
        let id = format!("evt_{:026}", self.events);
        let body = json!({
            "id": id, "timestamp": time.as_millis(), "event": event, "session": SESSION,
            "metadata": {}, "engine": "GOWS", "payload": payload,
            "me": {
                "id": "4915100000001@c.us", "pushName": "Bot", "lid": "1@lid",
                "jid": "4915100000001:7@s.whatsapp.net",
            },
            "environment": {
                "version": "2026.9.2", "engine": "GOWS", "tier": "CORE", "browser": null,
                "platform": "linux/x64", "worker": { "id": null },
            },
        })
        .to_string();
        let mut mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).expect("a key");
        mac.update(body.as_bytes());
        let head = format!(
            "POST /webhook/{SESSION} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             User-Agent: WAHA/2026.9.2\r\nX-Webhook-Request-Id: {id}\r\nX-Webhook-Timestamp: {}\r\n\
             X-Webhook-Hmac: {}\r\nX-Webhook-Hmac-Algorithm: sha512\r\nContent-Length: {}\r\n\r\n",
            time.as_millis(),
            hex::encode(mac.finalize().into_bytes()),
            body.len(),
        );
        (head + &body).into()
    }
}

fn group_id(group: usize) -> String {
    format!("{}@g.us", 120_363_000_000_000_001 + group)
}

fn lid(who: u64) -> String {
    format!("{}@lid", 100_000_000_000_000 + who)
}

/// Who made the group, and whose doing all changes are.
fn admin(group: usize) -> String {
    format!("{}@lid", 200_000_000_000_000 + group)
}

fn admin_pn(group: usize) -> String {
    format!("{}@s.whatsapp.net", 4_917_000_000_000_u64 + group as u64)
}
