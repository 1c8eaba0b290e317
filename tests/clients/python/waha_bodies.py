"""What WAHA tells of groups, in the shapes of two of its engines: event names and payloads.

`_data` is what the engine itself had. Errors that WAHA makes are made here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Sequence, Tuple

Told = Tuple[str, Dict[str, Any]]

# When all groups were created, and got their first subject.
CREATED = 1_750_000_000
_GO_NO_TIME = "0001-01-01T00:00:00Z"
_ROLES = {"join": "participant", "leave": "left", "promote": "admin", "demote": "participant"}


def _go_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Person:
    """Someone with a phone number and the hidden id that stands for it."""

    digits: str

    @property
    def lid(self) -> str:
        return f"1{self.digits}@lid"

    @property
    def phone(self) -> str:
        """As WAHA writes it where it normalises."""
        return f"{self.digits}@c.us"

    @property
    def wire(self) -> str:
        """As WhatsApp writes it."""
        return f"{self.digits}@s.whatsapp.net"


@dataclass
class Group:
    """A group with hidden ids, as its account sees it."""

    id: str
    subject: str
    # With the roles; the first one created it.
    members: Dict[Person, str]
    description: str = ""
    messages_admin_only: bool = False


class Engine:
    """What the engines have in common."""

    name: str

    def __init__(self, me: Person) -> None:
        """`me` is the account that is linked."""
        self.me = me

    def left(self, group_id: str) -> Told:
        """The account is out of the group."""
        return "group.v2.leave", {"group": {"id": group_id}, "_data": {}}

    def _whole(self, group: Group) -> Dict[str, Any]:
        """WAHA's own form of a whole group."""
        return {
            "id": group.id,
            "subject": group.subject,
            "description": group.description,
            "membersCanAddNewMember": True,
            # The opposite of what it says, on both engines.
            "membersCanSendMessages": group.messages_admin_only,
            "newMembersApprovalRequired": False,
            "participants": [self._participant(person, role) for person, role in group.members.items()],
        }

    def _participant(self, person: Person, role: str) -> Dict[str, Optional[str]]:
        raise NotImplementedError


class Gows(Engine):
    """whatsmeow, which gives whole objects of Go's, and a person's hidden id only."""

    name = "GOWS"

    def joined(self, group: Group, by: Person) -> Told:
        """The account is in the group now."""
        creator = next(iter(group.members))
        described = _go_time(CREATED) if group.description else _GO_NO_TIME
        members = [_go_member(person, role) for person, role in group.members.items()]
        raw = {
            **{"Reason": "", "Type": "", "CreateKey": "", "Sender": by.lid, "SenderPN": by.wire, "Notify": ""},
            **{"JID": group.id, "OwnerJID": creator.lid, "OwnerPN": creator.wire},
            **{"Name": group.subject, "NameSetAt": _go_time(CREATED), "NameSetBy": creator.lid, "NameSetByPN": ""},
            **{"Topic": group.description, "TopicID": "", "TopicSetAt": described, "TopicSetBy": ""},
            **{"TopicSetByPN": "", "TopicDeleted": False, "IsLocked": False},
            **{"IsAnnounce": group.messages_admin_only, "AnnounceVersionID": "", "IsEphemeral": False},
            **{"DisappearingTimer": 0, "IsIncognito": False, "IsParent": False, "DefaultMembershipApprovalMode": ""},
            **{"LinkedParentJID": "", "IsDefaultSubGroup": False, "IsJoinApprovalRequired": False},
            **{"AddressingMode": "lid", "GroupCreated": _go_time(CREATED), "CreatorCountryCode": "DE"},
            **{"ParticipantVersionID": "1", "Participants": members},
            **{"ParticipantCount": len(members), "MemberAddMode": "all_member_add", "Suspended": False},
        }
        return "group.v2.join", {"group": self._whole(group), "_data": raw}

    def members(self, group_id: str, kind: str, people: Sequence[Person], by: Person) -> Told:
        """`kind` is join, leave, promote or demote."""
        lists = {name: None for name in ("Join", "Leave", "Promote", "Demote")}
        lists[kind.capitalize()] = [person.lid for person in people]
        payload = {
            "group": {"id": group_id},
            "type": kind,
            "participants": [self._participant(person, _ROLES[kind]) for person in people],
            "_data": self._info(group_id, by, **lists),
        }
        return "group.v2.participants", payload

    def subject(self, group_id: str, subject: str, at: int, by: Person) -> Told:
        """Somebody set it at that second."""
        name = {"Name": subject, "NameSetAt": _go_time(at), "NameSetBy": by.lid, "NameSetByPN": by.wire}
        return self._update(group_id, by, {"subject": subject}, Name=name)

    def messages_admin_only(self, group_id: str, only: bool, by: Person) -> Told:
        # In an update the flag means what it says.
        announce = {"IsAnnounce": only, "AnnounceVersionID": "2"}
        return self._update(group_id, by, {"membersCanSendMessages": not only}, Announce=announce)

    def _update(self, group_id: str, by: Person, changed: Dict[str, Any], **raw: Any) -> Told:
        payload = {"group": {"id": group_id, **changed}, "_data": self._info(group_id, by, **raw)}
        return "group.v2.update", payload

    def _info(self, group_id: str, by: Person, **changed: Any) -> Dict[str, Any]:
        """whatsmeow's event of a change, in which all else is null."""
        nothing = {name: None for name in ("Name", "Topic", "Locked", "Announce", "Ephemeral", "Delete", "Link")}
        return {"JID": group_id, "Notify": "", "Sender": by.lid, "SenderPN": by.wire, **nothing, **changed}

    def _participant(self, person: Person, role: str) -> Dict[str, Optional[str]]:
        return {"id": person.lid, "pn": None, "role": role}


def _go_member(person: Person, role: str) -> Dict[str, Any]:
    return {
        **{"JID": person.lid, "PhoneNumber": person.wire, "LID": person.lid},
        **{"IsAdmin": role != "participant", "IsSuperAdmin": role == "superadmin"},
        **{"DisplayName": "", "Error": 0, "AddRequest": None},
    }


class Noweb(Engine):
    """Baileys, which gives what it knows and leaves out the rest, and both names of a person."""

    name = "NOWEB"

    def joined(self, group: Group, by: Person) -> Told:
        """The account is in the group now."""
        told = {"group": self._whole(group), "_data": {**self._metadata(group), "author": by.lid}}
        return "group.v2.join", told

    def refetched(self, group: Group) -> Told:
        """Baileys has read the group anew, and WAHA tells of all that it is."""
        return "group.v2.update", {"group": self._whole(group), "_data": self._metadata(group)}

    def members(self, group_id: str, kind: str, people: Sequence[Person], by: Person) -> Told:
        """`kind` is join, leave, promote or demote."""
        # Who was demoted is said to be an admin, which is wrong.
        role = "admin" if kind == "demote" else _ROLES[kind]
        action = {"join": "add", "leave": "remove"}.get(kind, kind)
        raw = [_metadata_member(person, role) for person in people]
        payload = {
            "group": {"id": group_id},
            "type": kind,
            "participants": [self._participant(person, role) for person in people],
            "_data": {**_author(group_id, by), "participants": raw, "action": action},
        }
        return "group.v2.participants", payload

    def subject(self, group_id: str, subject: str, at: int, by: Person) -> Told:
        """Somebody set it at that second, which the engine does not tell."""
        return self._update(group_id, by, {"subject": subject}, {"subject": subject})

    def messages_admin_only(self, group_id: str, only: bool, by: Person) -> Told:
        # The opposite of what it says, here too.
        return self._update(group_id, by, {"membersCanSendMessages": only}, {"announce": only})

    def _update(self, group_id: str, by: Person, changed: Dict[str, Any], raw: Dict[str, Any]) -> Told:
        return "group.v2.update", {"group": {"id": group_id, **changed}, "_data": {**_author(group_id, by), **raw}}

    def _metadata(self, group: Group) -> Dict[str, Any]:
        creator = next(iter(group.members))
        return {
            **{"id": group.id, "addressingMode": "lid", "subject": group.subject, "subjectTime": CREATED},
            **{"subjectOwner": creator.lid, "subjectOwnerPn": creator.wire, "size": len(group.members)},
            **{"creation": CREATED, "owner": creator.lid, "ownerPn": creator.wire, "owner_country_code": "DE"},
            **({"desc": group.description, "descId": "3EB0"} if group.description else {}),
            **{"restrict": False, "announce": group.messages_admin_only, "isCommunity": False},
            **{"isCommunityAnnounce": False, "joinApprovalMode": False, "memberAddMode": True},
            "participants": [_metadata_member(person, role) for person, role in group.members.items()],
        }

    def _participant(self, person: Person, role: str) -> Dict[str, Optional[str]]:
        return {"id": person.lid, "pn": person.phone, "role": role}


def _author(group_id: str, by: Person) -> Dict[str, str]:
    return {"id": group_id, "author": by.lid, "authorPn": by.wire}


def _metadata_member(person: Person, role: str) -> Dict[str, Any]:
    admin = role if role in ("admin", "superadmin") else None
    return {"id": person.lid, "phoneNumber": person.wire, "admin": admin}
