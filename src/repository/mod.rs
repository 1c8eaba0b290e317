//! TEMPORARY in-memory stand-in.
use std::collections::*;
use std::sync::{Mutex, Arc};
use async_trait::async_trait;
use bytes::Bytes;
use crate::domain::port::repository::*;
use crate::domain::port::world::WorldStore;
use crate::domain::clock::Timestamp;
use crate::domain::event::*;
use crate::domain::id::*;
use crate::domain::page::*;
use crate::domain::participant::Role;
use crate::domain::session::*;
use crate::domain::token::LogId;

#[derive(Debug, Clone)]
pub struct ConnectOptions { pub max_connections: u32, pub allow_unsafe_fsync: bool, pub connect_timeout: std::time::Duration }
impl Default for ConnectOptions { fn default() -> Self { Self { max_connections: 10, allow_unsafe_fsync: false, connect_timeout: std::time::Duration::from_secs(5) } } }

#[derive(Debug, Clone, Default)]
pub struct SeaRepository { m: Arc<Mutex<M>> }
#[derive(Debug, Default)]
struct M { epoch: u64, events: Vec<EventRecord>, last: Timestamp, sessions: BTreeMap<SessionName, S>, groups: BTreeMap<(SessionName, GroupId), G>, ids: BTreeSet<(SessionName,String)>, res: HashMap<ReservationKey, R>, world: BTreeMap<String, Bytes> }
#[derive(Debug, Clone)]
struct S { s: Session, rev: u64, epoch: u64, deleted: bool }
#[derive(Debug, Clone)]
struct G { w: GroupWrite }
#[derive(Debug, Clone)]
struct R { r: Reservation, answer: Option<Bytes> }
static STORES: Mutex<BTreeMap<String, SeaRepository>> = Mutex::new(BTreeMap::new());
impl SeaRepository {
  pub async fn connect(url: &str, _: ConnectOptions) -> std::result::Result<Self, String> { Ok(STORES.lock().unwrap().entry(url.to_owned()).or_default().clone()) }
  pub async fn migrate(&self) -> std::result::Result<(), String> { Ok(()) }
  pub async fn new_log_id(&self) -> std::result::Result<(), String> { Ok(()) }
}
fn stored(k: &(SessionName, GroupId), g: &G, full: bool) -> StoredGroup { StoredGroup { session: k.0.clone(), id: k.1.clone(), state: g.w.state.as_ref().map(|c| (c.basic.clone(), if full { c.participants.clone() } else { Bytes::new() })), facts: g.w.facts.clone(), sequence: g.w.sequence, synced_time: g.w.synced_time, member_count: g.w.state.as_ref().map_or(0, |c| c.member_count) } }
#[async_trait]
impl EventLog for SeaRepository {
  async fn ping(&self) -> Result<()> { Ok(()) }
  async fn begin_epoch(&self) -> Result<u64> { let mut m = self.m.lock().unwrap(); m.epoch += 1; let e = m.epoch; for s in m.sessions.values_mut() { s.epoch = e; } Ok(e) }
  async fn bounds(&self) -> Result<LogBounds> { let m = self.m.lock().unwrap(); Ok(LogBounds { log_id: LogId([1;7]), head: m.events.len() as u64, head_fingerprint: m.events.last().map(|e| e.id.fingerprint()).unwrap_or_default(), trimmed: 0, trimmed_fingerprint: [0;8] }) }
  async fn read(&self, after: u64, limit: u32) -> Result<LogSlice> { let m = self.m.lock().unwrap(); Ok(LogSlice { events: m.events.iter().skip(after as usize).take(limit as usize).cloned().collect(), trimmed: 0 }) }
  async fn fingerprint_at(&self, p: u64) -> Result<Option<[u8;8]>> { let m = self.m.lock().unwrap(); Ok(m.events.get(p as usize - 1).map(|e| e.id.fingerprint())) }
  async fn position_before(&self, t: Timestamp) -> Result<u64> { let m = self.m.lock().unwrap(); Ok(m.events.iter().take_while(|e| e.record_time < t).count() as u64) }
  async fn list_events(&self, q: &EventQuery, c: Option<u64>, limit: u32) -> Result<EventList> { let m = self.m.lock().unwrap();
    let mut v: Vec<EventRecord> = m.events.iter().filter(|e| e.session == q.session && (q.group_ids.is_empty() || e.group_id.as_ref().is_some_and(|g| q.group_ids.contains(g))) && (q.types.is_empty() || q.types.contains(&e.event_type.code())) && q.after_sequence_exclusive.is_none_or(|a| e.sequence > a) && q.until_sequence_inclusive.is_none_or(|a| e.sequence <= a)).cloned().collect();
    if q.newest_first { v.reverse(); }
    if let Some(c) = c { v.retain(|e| if q.newest_first { e.sequence < c } else { e.sequence > c }); }
    v.truncate(limit as usize);
    Ok(EventList { events: v, session_sequence: m.sessions.get(&q.session).map_or(0, |s| s.s.sequence), oldest_sequence: m.events.iter().find(|e| e.session == q.session).map_or(0, |e| e.sequence) }) }
  async fn commit(&self, b: &CommitBatch) -> Result<CommitReceipt> { let mut g = self.m.lock().unwrap(); let m = &mut *g; let mut won = vec![]; m.last = m.last.max(b.now); let rt = m.last;
    for s in &b.sessions { let Some(row) = m.sessions.get_mut(&s.session) else { won.push(false); continue }; if row.deleted || row.rev != s.expected_revision || row.epoch != b.epoch { won.push(false); continue } won.push(true); row.rev += 1;
      for e in &s.events { row.s.sequence += 1; let seq = row.s.sequence; m.events.push(EventRecord { position: m.events.len() as u64 + 1, id: e.id, session: s.session.clone(), sequence: seq, group_id: e.group_id.clone(), event_type: e.event_type, record_time: rt, wire: crate::pb::wire::complete_event(&e.payload, seq, rt) }); }
      for w in &s.groups { m.groups.insert((s.session.clone(), w.id.clone()), G { w: w.clone() }); }
      for i in &s.source_ids { m.ids.insert((s.session.clone(), i.clone())); }
      for a in &s.answers { if let Some(r) = m.res.get_mut(&a.key) { r.answer = Some(a.answer.clone()); } }
      if s.deletes_session { row.deleted = true; m.groups.retain(|k, _| k.0 != s.session); m.ids.retain(|k| k.0 != s.session); } }
    Ok(CommitReceipt { won, head: m.events.len() as u64, record_time: rt }) }
  async fn recorded(&self, _: &[EventId]) -> Result<BTreeMap<EventId, u64>> { Ok(BTreeMap::new()) }
  async fn trim(&self, _: Timestamp, _: u32) -> Result<Trimmed> { Ok(Trimmed { removed: 0, more: false }) }
}
#[async_trait]
impl GroupStore for SeaRepository {
  async fn load_groups(&self, keys: &[(SessionName, GroupId)]) -> Result<Vec<StoredGroup>> { let m = self.m.lock().unwrap(); Ok(keys.iter().filter_map(|k| m.groups.get(k).map(|g| stored(k, g, true))).collect()) }
  async fn load_view(&self, s: &SessionName, id: &GroupId) -> Result<GroupPage> { let m = self.m.lock().unwrap(); let k = (s.clone(), id.clone()); Ok(GroupPage { groups: m.groups.get(&k).filter(|g| g.w.state.is_some()).map(|g| stored(&k, g, true)).into_iter().collect(), next: None, session_sequence: m.sessions.get(s).map_or(0, |s| s.s.sequence), head: m.events.len() as u64 }) }
  async fn list_groups(&self, q: &GroupQuery, c: Option<&GroupCursor>, limit: u32, _: usize, full: bool) -> Result<GroupPage> { let m = self.m.lock().unwrap();
    let key = |g: &G| { let s = g.w.state.as_ref().unwrap(); match q.order.key { OrderKey::Id => (String::new(), 0), OrderKey::Subject => (s.subject.to_lowercase(), 0), OrderKey::CreateTime => (String::new(), s.create_time.as_micros()), OrderKey::MemberCount => (String::new(), s.member_count as i64) } };
    let mut v: Vec<_> = m.groups.iter().filter(|(k, g)| k.0 == q.session && g.w.state.as_ref().is_some_and(|s| q.filter.subject_contains.as_ref().is_none_or(|t| s.subject.to_lowercase().contains(&t.to_lowercase())))).collect();
    v.sort_by_key(|(k, g)| (key(g), k.1.clone())); if q.order.descending { v.reverse(); }
    let start = c.map_or(0, |c| v.iter().position(|(k, _)| k.1 == c.id).map_or(0, |p| p + 1));
    let page: Vec<_> = v.iter().skip(start).take(limit as usize).collect(); let next = if start + page.len() < v.len() { page.last().map(|(k, _)| GroupCursor { key: CursorKey::None, id: k.1.clone() }) } else { None };
    Ok(GroupPage { groups: page.iter().map(|(k, g)| stored(k, g, full)).collect(), next, session_sequence: m.sessions.get(&q.session).map_or(0, |s| s.s.sequence), head: m.events.len() as u64 }) }
  async fn count_groups(&self, q: &GroupQuery) -> Result<(u64, u64)> { let p = self.list_groups(q, None, u32::MAX, 0, false).await?; Ok((p.groups.len() as u64, p.session_sequence)) }
  async fn known_source_ids(&self, ids: &[(SessionName, String)]) -> Result<BTreeSet<(SessionName, String)>> { let m = self.m.lock().unwrap(); Ok(ids.iter().filter(|i| m.ids.contains(i)).cloned().collect()) }
}
#[async_trait]
impl SessionStore for SeaRepository {
  async fn insert_session(&self, s: &Session, epoch: u64) -> Result<SessionInsert> { let mut m = self.m.lock().unwrap(); match m.sessions.get_mut(&s.name) { Some(r) if !r.deleted => Ok(SessionInsert::AlreadyExists), Some(r) => { let q = r.s.sequence; r.s = s.clone(); r.s.sequence = q; r.deleted = false; r.epoch = epoch; r.rev += 1; Ok(SessionInsert::Inserted) } None => { m.sessions.insert(s.name.clone(), S { s: s.clone(), rev: 0, epoch, deleted: false }); Ok(SessionInsert::Inserted) } } }
  async fn session(&self, n: &SessionName) -> Result<Option<Session>> { Ok(self.m.lock().unwrap().sessions.get(n).filter(|s| !s.deleted).map(|s| s.s.clone())) }
  async fn list_sessions(&self, a: Option<&SessionName>, l: u32) -> Result<Vec<Session>> { Ok(self.m.lock().unwrap().sessions.values().filter(|s| !s.deleted && a.is_none_or(|a| &s.s.name > a)).take(l as usize).map(|s| s.s.clone()).collect()) }
  async fn patch_session(&self, n: &SessionName, p: &SessionPatch) -> Result<bool> { let mut m = self.m.lock().unwrap(); let Some(r) = m.sessions.get_mut(n).filter(|s| !s.deleted) else { return Ok(false) }; if let Some((a,b,c)) = p.status.clone() { r.s.status = a; r.s.status_reason = b; r.s.status_time = c; } r.s.account = p.account.or(r.s.account); if let Some(x) = &p.push_name { r.s.push_name = x.clone(); } if let Some(x) = &p.metadata { r.s.metadata = x.clone(); } if let Some(x) = p.wanted { r.s.wanted = x; } Ok(true) }
  async fn session_heads(&self, n: &[SessionName]) -> Result<BTreeMap<SessionName, SessionHead>> { let m = self.m.lock().unwrap(); Ok(n.iter().filter_map(|n| m.sessions.get(n).filter(|s| !s.deleted).map(|s| (n.clone(), SessionHead { sequence: s.s.sequence, revision: s.rev, epoch: s.epoch }))).collect()) }
}
#[async_trait]
impl ReservationStore for SeaRepository {
  async fn reserve(&self, r: &Reservation) -> Result<Reserved> { let mut m = self.m.lock().unwrap(); match m.res.get(&r.key) { Some(e) if e.r.expire_time > r.now => Ok(Reserved::Existing(ExistingReservation { body_sha256: e.r.body_sha256, incarnation: e.r.incarnation, deadline: e.r.deadline, answer: e.answer.clone() })), _ => { m.res.insert(r.key.clone(), R { r: r.clone(), answer: None }); Ok(Reserved::New) } } }
  async fn release(&self, k: &ReservationKey) -> Result<()> { self.m.lock().unwrap().res.remove(k); Ok(()) }
  async fn settle(&self, k: &ReservationKey, a: Bytes) -> Result<()> { if let Some(r) = self.m.lock().unwrap().res.get_mut(k) { r.answer = Some(a); } Ok(()) }
  async fn purge(&self, _: Timestamp, _: Timestamp, _: u32) -> Result<bool> { Ok(false) }
}
#[async_trait]
impl WorldStore for SeaRepository {
  async fn load(&self) -> Result<Vec<(String, Bytes)>> { Ok(self.m.lock().unwrap().world.clone().into_iter().collect()) }
  async fn save(&self, c: Vec<(String, Option<Bytes>)>) -> Result<()> { let mut m = self.m.lock().unwrap(); for (k, v) in c { match v { Some(v) => { m.world.insert(k, v); } None => { m.world.remove(&k); } } } Ok(()) }
}
#[allow(dead_code)] fn _r(_: Role) {}
