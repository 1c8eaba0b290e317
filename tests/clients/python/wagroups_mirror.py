"""A store for wagroups_resume.py on SQLite: a copy of all groups, and of the events since it was listed.

Copy it, or take it as a pattern: whatever the events cause goes into the same transaction as the token.
"""

from __future__ import annotations

import sqlite3
from typing import Dict, Iterable, List, Optional, Set

from wagroups.v1 import groups_pb2 as pb

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resume (one INTEGER PRIMARY KEY CHECK (one = 1), token BLOB);
CREATE TABLE IF NOT EXISTS groups (
    session TEXT, id TEXT, sequence INTEGER, body BLOB, PRIMARY KEY (session, id));
CREATE TABLE IF NOT EXISTS events (session TEXT, sequence INTEGER, body BLOB, PRIMARY KEY (session, sequence));
"""


class Mirror:
    """Use one per thread; several may share a file."""

    def __init__(self, path: str, own_ids: Optional[Dict[str, Set[str]]] = None) -> None:
        """`own_ids` names each session's account as in GetSession: only then `my_role` can follow."""
        self._own_ids = own_ids or {}
        # No implicit transactions: they begin and end where this file says so.
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    # What `follow` asks of a store.

    def token(self) -> Optional[bytes]:
        row = self._db.execute("SELECT token FROM resume").fetchone()
        return row[0] if row else None

    def clear(self) -> None:
        self._begin()
        self._db.execute("DELETE FROM groups")
        # They may be of another log, which numbers its own.
        self._db.execute("DELETE FROM events")

    def apply(self, response: pb.WatchGroupEventsResponse) -> None:
        self._begin()
        for initial in response.initial_groups:
            self._put(initial.session, initial.group, initial.as_of_sequence)
        for event in response.events:
            # The key refuses an event that comes twice; a store that commits the token apart from the
            # effects would skip it here instead.
            self._db.execute(
                "INSERT INTO events VALUES (?, ?, ?)", (event.session, event.sequence, event.SerializeToString())
            )
            self._apply_event(event)

    def commit(self, token: bytes) -> None:
        self._begin()
        self._db.execute("INSERT OR REPLACE INTO resume VALUES (1, ?)", (token,))
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def forget(self) -> None:
        self._db.execute("DELETE FROM resume")

    # What others read.

    def groups(self, session: str) -> Dict[str, pb.Group]:
        rows = self._db.execute("SELECT id, body FROM groups WHERE session = ?", (session,))
        return {id: pb.Group.FromString(body) for id, body in rows}

    def events(self, session: str) -> List[pb.GroupEvent]:
        rows = self._db.execute("SELECT body FROM events WHERE session = ? ORDER BY sequence", (session,))
        return [pb.GroupEvent.FromString(body) for (body,) in rows]

    def last_sequence(self, session: str) -> int:
        return self._db.execute("SELECT max(sequence) FROM events WHERE session = ?", (session,)).fetchone()[0] or 0

    # How events change a group.

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _put(self, session: str, group: pb.Group, sequence: int) -> None:
        row = (session, group.id, sequence, group.SerializeToString())
        self._db.execute("INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?)", row)

    def _apply_event(self, event: pb.GroupEvent) -> None:
        key = (event.session, event.group_id)
        body = event.WhichOneof("body")
        if body == "joined":
            self._put(event.session, event.joined.group, event.sequence)
        elif body in ("left", "deleted"):
            self._db.execute("DELETE FROM groups WHERE session = ? AND id = ?", key)
        elif body == "session_deleted":
            self._db.execute("DELETE FROM groups WHERE session = ?", (event.session,))
        else:
            row = self._db.execute("SELECT body FROM groups WHERE session = ? AND id = ?", key).fetchone()
            # Around an initial state events may come of a group that was left before it was listed.
            if row is not None:
                group = pb.Group.FromString(row[0])
                change(group, event, self._own_ids.get(event.session, set()))
                self._put(event.session, group, event.sequence)


def change(group: pb.Group, event: pb.GroupEvent, own_ids: Set[str]) -> None:
    """Does to the group what the event tells. `own_ids` are the names of the session's account."""
    body = event.WhichOneof("body")
    if body == "participants_changed":
        changed = event.participants_changed.participants
        left = event.participants_changed.action == pb.PARTICIPANT_ACTION_LEAVE
        _put_members(group, changed, () if left else changed)
        for member in changed:
            if member.id in own_ids:
                group.my_role = member.role
    elif body == "updated":
        for update in event.updated.changes:
            _update(group, update)
    elif body == "picture_changed":
        group.picture_id = event.picture_changed.picture_id


def _put_members(group: pb.Group, gone: Iterable[pb.Participant], come: Iterable[pb.Participant]) -> None:
    names = {name for person in gone for name in (person.id, person.phone_number_id, person.lid) if name}
    members = [member for member in group.participants if member.id not in names]
    del group.participants[:]
    group.participants.extend([*members, *come])
    group.member_count = len(group.participants)


def _update(group: pb.Group, update: pb.GroupChange) -> None:
    field = update.WhichOneof("change")
    if field is None:
        return  # A kind of change that is newer than these stubs.
    new = getattr(update, field)
    if field in ("subject", "description"):
        setattr(group, field, new.current.text)
        setattr(group, f"{field}_owner", new.current.owner)
        group.ClearField(f"{field}_time")
        if new.current.HasField("time"):
            getattr(group, f"{field}_time").CopyFrom(new.current.time)
        if field == "description":
            group.description_id = new.current.id
    elif field in ("owner", "addressing_mode", "parent_group_id", "suspended"):
        setattr(group, field, new.current)
    elif field == "disappearing_timer":
        group.settings.ClearField(field)
        if new.HasField("current"):
            group.settings.disappearing_timer.CopyFrom(new.current)
    elif field == "alias":
        _put_members(group, [new], [new])
    elif field == "completed":
        group.CopyFrom(new)
    else:
        setattr(group.settings, field, new.current)
