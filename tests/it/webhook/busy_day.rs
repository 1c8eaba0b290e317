//! A day of one busy group as a WAHA server would tell it, by someone who knows what really happened.
//!
//! Each engine tells in its own way: which clock, which fields, what it gets wrong. What an engine never
//! tells does not happen on its days.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::random::chance::Chance;

pub const GROUP: &str = "120363000000000001@g.us";
pub const SESSION: &str = "busy";
/// Our own hidden id; others count from the next one.
const ME: u64 = 1;
const PEOPLE: u64 = 60;
const DAY: i64 = 24 * 3600 * 1000;
/// Between two lists of the whole group, where the engine makes any.
const CHANGES_BETWEEN_LISTS: usize = 80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Gows,
    Noweb,
    Webjs,
    Wpp,
}

impl Engine {
    pub const ALL: [Self; 4] = [Self::Gows, Self::Noweb, Self::Webjs, Self::Wpp];

    fn name(self) -> &'static str {
        match self {
            Self::Gows => "GOWS",
            Self::Noweb => "NOWEB",
            Self::Webjs => "WEBJS",
            Self::Wpp => "WPP",
        }
    }

    fn time(self, ms: i64) -> i64 {
        match self {
            Self::Gows | Self::Noweb => ms,
            Self::Webjs | Self::Wpp => ms / 1000,
        }
    }

    /// `membersCanSendMessages` as the engine gets it.
    fn members_can_send(self, announce: bool, in_update: bool) -> bool {
        match self {
            Self::Gows if in_update => !announce,
            Self::Wpp => !announce,
            Self::Gows | Self::Noweb | Self::Webjs => announce,
        }
    }
}

/// One body, and when WAHA made it.
#[derive(Debug, Clone)]
pub struct Made {
    pub ms: i64,
    pub body: Value,
    /// Whether a later list of the whole group makes up for its loss.
    pub may_get_lost: bool,
}

/// What an event can be about, and how often it happened.
pub type Changes = BTreeMap<String, usize>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    pub subject: String,
    pub description: String,
    pub announce: bool,
    pub approval: bool,
    /// Who is in, and whether as an admin.
    pub members: BTreeMap<u64, bool>,
}

pub struct Day {
    engine: Engine,
    chance: Chance,
    /// Since 1970, in milliseconds.
    now: i64,
    inside: bool,
    asking: BTreeSet<u64>,
    pub truth: Truth,
    pub changes: Changes,
    pub made: Vec<Made>,
}

impl Day {
    /// A day that ends before `now`.
    pub fn of(engine: Engine, seed: u64, now: i64, changes: usize) -> Self {
        let truth = Truth {
            subject: "Subject 0".into(),
            members: [(ME, false), (2, true), (3, false)].into(),
            ..Truth::default()
        };
        let mut day = Self {
            engine,
            chance: Chance::new(seed),
            now: now - DAY - 3_600_000,
            inside: false,
            asking: BTreeSet::new(),
            truth,
            changes: Changes::new(),
            made: Vec::new(),
        };
        day.come_in();
        for number in 1..=changes {
            // Now and then a burst within one second.
            let most = DAY / i64::try_from(changes).expect("few") * 2;
            let most = if day.chance.one_in(4) { 300 } else { most };
            day.now += 2 + i64::try_from(day.chance.below(usize::try_from(most).expect("few")))
                .expect("few");
            day.change(number);
            if number % CHANGES_BETWEEN_LISTS == 0 {
                day.list();
            }
        }
        if !day.inside {
            day.come_in();
        }
        day.now += 60_000;
        day.list();
        day
    }

    fn count(&mut self, what: String) {
        *self.changes.entry(what).or_default() += 1;
    }

    /// Someone came, went, or changed rank.
    fn count_place(&mut self, id: u64) {
        self.count(format!("PLACE {id}"));
    }

    fn change(&mut self, number: usize) {
        let members: Vec<u64> = self.truth.members.keys().copied().filter(|id| *id != ME).collect();
        let outside: Vec<u64> =
            (2..=PEOPLE).filter(|id| !self.truth.members.contains_key(id)).collect();
        match self.chance.below(20) {
            0..=5 if !outside.is_empty() => {
                let who = self.chance.some(&outside, 4);
                self.join(&who);
            }
            6..=9 if members.len() > 3 => {
                let who = self.chance.some(&members, 2);
                for id in &who {
                    self.truth.members.remove(id);
                    self.count_place(*id);
                }
                self.tell_members("leave", &who);
            }
            10..=11 if !members.is_empty() => {
                let who = self.chance.some(&members, 2);
                let who: Vec<u64> = who.into_iter().filter(|id| !self.truth.members[id]).collect();
                self.set_rank(&who, true);
            }
            12..=13 if !members.is_empty() => {
                let who = self.chance.some(&members, 2);
                let who: Vec<u64> = who.into_iter().filter(|id| self.truth.members[id]).collect();
                self.set_rank(&who, false);
            }
            14 => {
                self.truth.subject = format!("Subject {number}");
                self.count(format!("subject {}", self.truth.subject));
                self.tell_update("subject");
            }
            15 => {
                let text =
                    if self.chance.one_in(4) { String::new() } else { format!("Text {number}") };
                if text != self.truth.description {
                    self.truth.description = text;
                    self.count(format!("description {}", self.truth.description));
                    self.tell_update("description");
                }
            }
            16 if self.engine != Engine::Wpp => {
                self.truth.announce = !self.truth.announce;
                self.count(format!("announce {}", self.truth.announce));
                self.tell_update("membersCanSendMessages");
            }
            // Of a change of it GOWS does not say which way it went.
            17 if matches!(self.engine, Engine::Noweb | Engine::Webjs) => {
                self.truth.approval = !self.truth.approval;
                self.count(format!("approval {}", self.truth.approval));
                self.tell_update("newMembersApprovalRequired");
            }
            18 if !outside.is_empty() => {
                let who = *self.chance.of(&outside);
                self.ask(who);
            }
            _ => {
                // Seldom, so that most of the day happens inside.
                if !self.inside {
                    self.come_in();
                } else if self.chance.one_in(8) {
                    self.go_out();
                }
            }
        }
    }

    fn join(&mut self, who: &[u64]) {
        for id in who {
            self.truth.members.insert(*id, false);
            self.count_place(*id);
            if self.asking.remove(id) {
                self.count(format!("REQUEST ENDED {id}"));
            }
        }
        self.tell_members("join", who);
    }

    fn set_rank(&mut self, who: &[u64], is_admin: bool) {
        if who.is_empty() {
            return;
        }
        for id in who {
            self.truth.members.insert(*id, is_admin);
            self.count_place(*id);
        }
        self.tell_members(if is_admin { "promote" } else { "demote" }, who);
    }

    fn ask(&mut self, who: u64) {
        if !self.inside {
            return;
        }
        let action = if self.asking.contains(&who) {
            // The browser engines tell of new requests only.
            match self.engine {
                Engine::Gows | Engine::Noweb if self.chance.one_in(2) => "rejected",
                Engine::Gows | Engine::Noweb => "revoked",
                Engine::Webjs | Engine::Wpp => return,
            }
        } else {
            "created"
        };
        if action == "created" {
            self.asking.insert(who);
        } else {
            self.asking.remove(&who);
        }
        let what = if action == "created" { "REQUEST MADE" } else { "REQUEST ENDED" };
        self.count(format!("{what} {who}"));
        let payload = json!({
            "group": { "id": GROUP }, "action": action, "requesterId": format!("{who}@lid"),
            "requestMethod": "invite_link", "timestamp": self.engine.time(self.now), "_data": {},
        });
        self.tell("group.v2.participants.join-request", payload, true);
    }

    /// We are added: the whole group is told, and us among those who came.
    fn come_in(&mut self) {
        self.now += 5;
        self.inside = true;
        self.truth.members.insert(ME, false);
        self.count("joined".into());
        self.count_place(ME);
        let mut group = self.info(false);
        group["participants"] = self.participants();
        let raw = self.raw();
        let payload =
            json!({ "timestamp": self.engine.time(self.now), "group": group, "_data": raw });
        self.tell("group.v2.join", payload, true);
        self.tell_members("join", &[ME]);
    }

    fn go_out(&mut self) {
        self.truth.members.remove(&ME);
        self.count("left".into());
        self.count_place(ME);
        // GOWS does not recognise us by the hidden id, and tells only that someone left.
        if self.engine != Engine::Gows {
            let payload = json!({
                "timestamp": self.engine.time(self.now), "group": { "id": GROUP }, "_data": {},
            });
            self.tell("group.v2.leave", payload, true);
        }
        self.tell_members("leave", &[ME]);
        self.inside = false;
    }

    /// NOWEB lists all groups now and then, and tells of each as if it were an update.
    fn list(&mut self) {
        if self.engine != Engine::Noweb || !self.inside {
            return;
        }
        self.now += 7_000;
        let mut group = self.info(true);
        group["participants"] = self.participants();
        group["invite"] = json!("https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv");
        let raw = self.raw();
        let payload =
            json!({ "timestamp": self.engine.time(self.now), "group": group, "_data": raw });
        self.tell("group.v2.update", payload, false);
        self.now += 7_000;
    }

    fn tell_members(&mut self, action: &str, who: &[u64]) {
        if !self.inside {
            return;
        }
        let members: Vec<Value> = who
            .iter()
            .map(|id| {
                let is_admin = self.truth.members.get(id).copied().unwrap_or(false);
                let mut member = self.participant(*id, is_admin);
                if action == "demote" && self.engine == Engine::Noweb {
                    member["role"] = json!("admin");
                }
                member
            })
            .collect();
        let payload = json!({
            "group": { "id": GROUP }, "type": action, "participants": members,
            "timestamp": self.engine.time(self.now), "_data": { "author": "2@lid", "Sender": "2@lid" },
        });
        self.tell("group.v2.participants", payload, true);
        // The event from before group.v2 tells the same under another id.
        if self.engine == Engine::Webjs && matches!(action, "join" | "leave") {
            let recipients: Vec<String> = who.iter().map(|id| format!("{id}@lid")).collect();
            let payload = json!({
                "chatId": GROUP, "author": "2@lid", "recipientIds": recipients,
                "timestamp": self.engine.time(self.now),
            });
            self.tell(if action == "join" { "group.join" } else { "group.leave" }, payload, true);
        }
    }

    fn tell_update(&mut self, field: &str) {
        if !self.inside {
            return;
        }
        let info = self.info(true);
        let (mut group, mut raw) = (json!({ "id": GROUP }), json!({}));
        match self.engine {
            Engine::Webjs => {
                group = info;
                group["participants"] = json!([]);
                group["invite"] = json!("AbCdEfGhIjKlMnOpQrStUv");
            }
            Engine::Gows | Engine::Noweb | Engine::Wpp => group[field] = info[field].clone(),
        }
        if self.engine == Engine::Noweb && field == "membersCanSendMessages" {
            raw = json!({ "id": GROUP, "announce": self.truth.announce });
        }
        let payload =
            json!({ "timestamp": self.engine.time(self.now), "group": group, "_data": raw });
        self.tell("group.v2.update", payload, true);
    }

    fn info(&self, in_update: bool) -> Value {
        json!({
            "id": GROUP, "subject": self.truth.subject, "description": self.truth.description,
            "membersCanAddNewMember": true,
            "membersCanSendMessages": self.engine.members_can_send(self.truth.announce, in_update),
            "newMembersApprovalRequired": self.truth.approval,
        })
    }

    fn participants(&mut self) -> Value {
        let members = self.truth.members.clone();
        members.into_iter().map(|(id, is_admin)| self.participant(id, is_admin)).collect()
    }

    fn participant(&mut self, id: u64, is_admin: bool) -> Value {
        let role = if is_admin { "admin" } else { "participant" };
        // NOWEB knows the numbers of some.
        let pn = match self.engine {
            Engine::Noweb if !self.chance.one_in(3) => json!(format!("{}@c.us", phone(id))),
            _ => Value::Null,
        };
        json!({ "id": format!("{id}@lid"), "pn": pn, "role": role })
    }

    /// What the engine itself holds of the group.
    fn raw(&self) -> Value {
        let number = |id: &u64| format!("{}@s.whatsapp.net", phone(*id));
        match self.engine {
            Engine::Gows => json!({
                "JID": GROUP, "Name": self.truth.subject, "Topic": self.truth.description,
                "NameSetAt": "0001-01-01T00:00:00Z", "IsAnnounce": self.truth.announce,
                "IsLocked": false, "IsJoinApprovalRequired": self.truth.approval,
                "DisappearingTimer": 0, "AddressingMode": "lid", "OwnerJID": "",
                "Participants": self.truth.members.keys().map(|id| json!({
                    "JID": format!("{id}@lid"), "PhoneNumber": number(id), "LID": format!("{id}@lid"),
                })).collect::<Vec<_>>(),
            }),
            Engine::Noweb => json!({
                "id": GROUP, "subject": self.truth.subject, "announce": self.truth.announce,
                "restrict": false, "joinApprovalMode": self.truth.approval, "addressingMode": "lid",
                "participants": self.truth.members.keys().map(|id| json!({
                    "id": format!("{id}@lid"), "phoneNumber": number(id),
                })).collect::<Vec<_>>(),
            }),
            Engine::Webjs | Engine::Wpp => json!({}),
        }
    }

    fn tell(&mut self, event: &str, payload: Value, may_get_lost: bool) {
        // Each is made a moment after what it tells of, and after those before it.
        self.now += 1;
        let id = format!("evt_busy{:022}", self.made.len());
        let body = json!({
            "id": id, "timestamp": self.now, "event": event, "session": SESSION,
            "me": { "id": format!("{}@c.us", phone(ME)), "lid": format!("{ME}@lid"), "pushName": "Bot" },
            "payload": payload, "engine": self.engine.name(), "environment": { "version": "2026.9.2" },
        });
        self.made.push(Made { ms: self.now, body, may_get_lost });
    }
}

pub fn phone(id: u64) -> u64 {
    4_915_100_000_000 + id
}
