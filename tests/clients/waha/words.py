"""How each shape of the gateway names what the tests look at: as WAHA's engines do, and as its events do."""

from __future__ import annotations

from typing import Any, Dict, List

JsonObject = Dict[str, Any]


def digits(jid: str) -> str:
    """The phone number of an id."""
    return jid.partition("@")[0]


class Normalized:
    """WAHA's GroupInfo and GroupParticipant."""

    ID, SUBJECT, DESCRIPTION, MEMBERS = "id", "subject", "description", "participants"
    # What a change answers that has nothing to say.
    DONE: Any = True

    def listed(self, answer: Any) -> List[JsonObject]:
        assert isinstance(answer, list), answer
        return answer

    def members(self, group: JsonObject) -> Dict[str, str]:
        return self.people(group["participants"])

    def people(self, listed: List[JsonObject]) -> Dict[str, str]:
        return {digits(person["pn"]): person["role"] for person in listed}

    def uninvited(self, created: JsonObject) -> Dict[str, int]:
        """Who could not be added to a new group, and WhatsApp's code."""
        return {digits(each["pn"]): each["code"] for each in created["results"] if each["code"] != 200}

    def codes(self, verdicts: List[JsonObject]) -> List[int]:
        """WhatsApp's code for each that was asked for, 200 where all is well."""
        return [verdict["code"] for verdict in verdicts]

    def invited_privately(self, verdict: JsonObject) -> bool:
        return bool(verdict["invite"]["code"])

    def settings(self, group: JsonObject) -> Dict[str, bool]:
        """Those that the shape has, by the words of WAHA's settings."""
        return {
            "messages_admin_only": not group["membersCanSendMessages"],
            "member_add_mode": group["membersCanAddNewMember"],
            "membership_approval_mode": group["newMembersApprovalRequired"],
        }

    def refusal(self, exception: JsonObject) -> int:
        """WhatsApp's code for what it refused."""
        return exception["data"]

    def is_invite(self, text: str) -> bool:
        return "/" not in text


class Gows(Normalized):
    """whatsmeow's GroupInfo."""

    ID, SUBJECT, DESCRIPTION, MEMBERS = "JID", "Name", "Topic", "Participants"
    DONE = ""

    def refusal(self, exception: JsonObject) -> int:
        # gRPC's code is all that it has as a number.
        assert exception["code"] == 2
        return int(exception["details"].partition(" status ")[2][:3])

    def members(self, group: JsonObject) -> Dict[str, str]:
        return self.people([member for member in group["Participants"] if not member["Error"]])

    def people(self, listed: List[JsonObject]) -> Dict[str, str]:
        def role(person: JsonObject) -> str:
            return "superadmin" if person["IsSuperAdmin"] else "admin" if person["IsAdmin"] else "participant"

        return {digits(person["PhoneNumber"]): role(person) for person in listed}

    def uninvited(self, created: JsonObject) -> Dict[str, int]:
        members = created["Participants"]
        return {digits(each["PhoneNumber"]): each["Error"] for each in members if each["Error"]}

    def codes(self, verdicts: List[JsonObject]) -> List[int]:
        return [verdict["Error"] or 200 for verdict in verdicts]

    def invited_privately(self, verdict: JsonObject) -> bool:
        return bool(verdict["AddRequest"]["Code"])

    def settings(self, group: JsonObject) -> Dict[str, bool]:
        return {
            "info_admin_only": group["IsLocked"],
            "messages_admin_only": group["IsAnnounce"],
            "member_add_mode": group["MemberAddMode"] == "all_member_add",
            "member_share_history_mode": group["MemberShareHistoryMode"] == "all_member_share",
            "membership_approval_mode": group["IsJoinApprovalRequired"],
        }

    def is_invite(self, text: str) -> bool:
        return text.startswith("https://chat.whatsapp.com/")


class Noweb(Normalized):
    """Baileys' GroupMetadata."""

    ID, SUBJECT, DESCRIPTION, MEMBERS = "id", "subject", "desc", "participants"
    DONE = ""

    def listed(self, answer: Any) -> List[JsonObject]:
        assert isinstance(answer, dict), answer
        assert all(group["id"] == key for key, group in answer.items()), answer
        return list(answer.values())

    def people(self, listed: List[JsonObject]) -> Dict[str, str]:
        return {digits(person["phoneNumber"]): person["admin"] or "participant" for person in listed}

    def uninvited(self, created: JsonObject) -> Dict[str, int]:
        """Baileys says nothing of them."""
        return {}

    def codes(self, verdicts: List[JsonObject]) -> List[int]:
        assert all(isinstance(verdict["status"], str) for verdict in verdicts), verdicts
        return [int(verdict["status"]) for verdict in verdicts]

    def invited_privately(self, verdict: JsonObject) -> bool:
        nodes = verdict["content"]["content"]
        return any(node["tag"] == "add_request" and bool(node["attrs"]["code"]) for node in nodes)

    def settings(self, group: JsonObject) -> Dict[str, bool]:
        return {
            "info_admin_only": group["restrict"],
            "messages_admin_only": group["announce"],
            "member_add_mode": group["memberAddMode"],
            "membership_approval_mode": group["joinApprovalMode"],
        }


SHAPES = {"normalized": Normalized(), "gows": Gows(), "noweb": Noweb()}
