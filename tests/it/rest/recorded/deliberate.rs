//! The deliberate differences from WAHA's answers.

use wagroups::config::RestShape;

/// Something that WAHA answers otherwise.
#[derive(Debug)]
pub struct Deliberate {
    pub shapes: &'static [RestShape],
    /// Of which requests; `*` is any text.
    labels: &'static [&'static str],
    /// Which differences, as `compare` words them.
    what: &'static [&'static str],
    /// The sentence of `docs/WAHA.md`, or a part of it.
    pub says: &'static str,
    pub why: &'static str,
}

impl Deliberate {
    pub fn is(&self, label: &str, difference: &str) -> bool {
        let any = |patterns: &[&str], text: &str| patterns.iter().any(|each| fits(each, text));
        any(self.labels, label) && any(self.what, difference)
    }
}

/// Whether a text is what the pattern says, in which `*` is any text.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| fits(after, &rest[at..]))
        }),
    }
}

const BOTH: &[RestShape] = &[RestShape::Gows, RestShape::Noweb];
const GOWS: &[RestShape] = &[RestShape::Gows];
const NOWEB: &[RestShape] = &[RestShape::Noweb];

pub const DELIBERATE: &[Deliberate] = &[
    Deliberate {
        shapes: BOTH,
        labels: &[
            "create no *",
            "create empty body",
            "create bad id",
            "create long name",
            "get badid",
            "join-info none",
            "join-info short",
            "join empty",
            "add none",
            "add string",
            "subject empty",
            "subject none",
            "subject number",
            "subject long",
        ],
        what: &["status 500, here 400"],
        says: "a bad body is 400 and names its fields",
        why: "500 with a TypeError tells a caller nothing",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["add empty", "approve empty"],
        what: &["status 200, here 400"],
        says: "an empty list is 400",
        why: "on WEBJS an empty list of requests means everybody",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["description none"],
        what: &["status 200, here 400"],
        says: "a bad body is 400 and names its fields (the first of them, and how many more there are), also where WAHA takes it",
        why: "what is missing by mistake must not empty the description",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["* put none"],
        what: &["status 200, here 400", "status 404, here 400"],
        says: "a missing field is 400, where WAHA locks or unlocks by engine",
        why: "what is missing by mistake must not open a group",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["* put string"],
        what: &["status 500, here 400", "status 200, here 400", "status 404, here 400"],
        says: "a text is no boolean",
        why: "on NOWEB the text false switches a setting on",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["member-share-history-mode *"],
        what: &["status 404, here 200"],
        says: "the fifth, `member-share-history-mode`, is there before 2026.9.2, too",
        why: "what was recorded is 2026.8.2",
    },
    Deliberate {
        shapes: GOWS,
        labels: &["create*", "list*", "get", "get enc", "join-info*"],
        what: &["$*.MemberShareHistoryMode: only here"],
        says: "`MemberShareHistoryMode` is always there, as in WAHA since 2026.9.2",
        why: "what was recorded is 2026.8.2",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["list negative limit"],
        what: &["status 200, here 400"],
        says: "a negative `limit` is 400, where GOWS leaves out the last group",
        why: "no caller means that",
    },
    Deliberate {
        shapes: NOWEB,
        labels: &["list limit0"],
        what: &["$.{group}: only here", "$.120363*@g.us: only here"],
        says: "`limit=0` is all, where NOWEB's store has none",
        why: "three of four engines take it for all",
    },
    Deliberate {
        shapes: NOWEB,
        labels: &["list exclude"],
        what: &["$[].author: missing here", "$[].authorPn: missing here"],
        says: "`noweb`: without `author`, `authorPn` and `inviteCode`, which its store keeps of events",
        why: "they say nothing of the group",
    },
    Deliberate {
        shapes: NOWEB,
        labels: &["create refused invitees"],
        what: &["$.participants: 5 items, here 2"],
        says: "`noweb`: who could not be added is no member, where WAHA lists them",
        why: "they are in no group, and WAHA's own `size` is 2",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["join-info", "join-info url"],
        what: &[
            "$.participants: 3 items, here 1",
            "$.Participants: 3 items, here 1",
            "$.addressingMode: missing here",
            "$.AddressingMode: \"lid\", here \"\"",
            "$.subjectOwner*: missing here",
            "$.subjectTime: missing here",
        ],
        says: "as much as an invite shows to a stranger, also of a group that one is in",
        why: "what an invite shows does not depend on who looks",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["join already"],
        what: &["status 200, here 500"],
        says: "`ALREADY_MEMBER` where one is in it, where WAHA answers its id",
        why: "gRPC says so, and so does WhatsApp",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["add plus"],
        what: &["status 500, here 200"],
        says: "numbers are taken as people write them, `+49 151 …`",
        why: "what a person meant is plain",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["demote again"],
        what: &[
            "$[0].Error: 409, here 0",
            "$[0].status: \"409\", here \"200\"",
            "$[0].content.attrs.error: missing here",
        ],
        says: "who has no admin's role to lose is 200",
        why: "the role is as it was asked for",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["picture *"],
        what: &["status 501, here *"],
        says: "WAHA Core up to 2026.4.1 answers 501 to changes of pictures",
        why: "what was recorded is its Core",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["picture get2", "picture get refresh"],
        what: &["$.url: null, here \"data:image/jpeg;base64,*"],
        says: "`data:` where the engine gives no address",
        why: "the picture that has been set is there",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["delete"],
        what: &["status 501, here 200"],
        says: "takes the group apart and leaves it, on every engine (WAHA removes the chat only, or answers 501)",
        why: "that is what a caller means by it",
    },
    Deliberate {
        shapes: NOWEB,
        labels: &["get after leave"],
        what: &["status 200, here 500"],
        says: "NOWEB's store up to 2026.8.0 lists groups that we have left | not believed back",
        why: "we are in it no more",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["key in query"],
        what: &["status 401, here 200"],
        says: "or as `x-api-key` in the query (as in WAHA since 2026.4.3)",
        why: "what was recorded looks for keys as 2026.4.1 does",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["subject malformed"],
        what: &["$.message: \"Unexpected end of JSON input\", here \"*"],
        says: "Words that are not JSON are refused in other words",
        why: "another reader reads them",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["unknown session"],
        what: &[
            "$.message: missing here",
            "$.statusCode: missing here",
            "$.session: only here",
            "$.error: \"Unprocessable Entity\", here \"*",
        ],
        says: "A session that does not exist is named in the answer, while WAHA Core says that it supports `default` only",
        why: "what was recorded is its Core",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["session unknown"],
        what: &["status 422, here 404"],
        says: "what is no session is 404 (422 in WAHA Core, which knows `default` alone)",
        why: "what was recorded is its Core",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["sessions", "session"],
        what: &["$*.wagroups: only here"],
        says: "what WAHA has no word for is in `wagroups`",
        why: "clients that do not know it overlook it",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["sessions", "session"],
        what: &[
            "$*.config: null, here *",
            "$*.config.metadata: only here",
            "$*.config.noweb: missing here",
        ],
        says: "`config` has `metadata` alone",
        why: "the settings of WAHA's engines are none of ours",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["sessions", "session"],
        what: &[
            "$*.presence: \"online\", here null",
            "$*.timestamps.activity: \"<number>\", here null",
        ],
        says: "`presence` and `timestamps.activity` are `null`",
        why: "they are of messages, which are not known here",
    },
    Deliberate {
        shapes: GOWS,
        labels: &["sessions", "session"],
        what: &["$*.me.jid: missing here"],
        says: "`me` has no `jid`",
        why: "no other engine has it",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["sessions"],
        what: &["$[0].engine: only here"],
        says: "`engine` names that of the shape, in lists, too",
        why: "a client that wants it need not ask for each session",
    },
    Deliberate {
        shapes: GOWS,
        labels: &["session"],
        what: &[
            "$.engine.engine: only here",
            "$.engine.gows: missing here",
            "$.engine.grpc: missing here",
        ],
        says: "`engine` names that of the shape, in lists, too",
        why: "connections within WAHA are none of ours",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["*"],
        what: &["$.exception.stack: missing here", "$.request.body: missing here"],
        says: "the exception repeats neither the body nor a stack",
        why: "who reads a log of answers has no business with either",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["*"],
        what: &["$.exception.reason: only here"],
        says: "its `reason` is ours",
        why: "it is the same for all engines",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["*"],
        what: &["$.exception.message: *", "$.exception.details: *"],
        says: "Its message says in our words what happened and what to do",
        why: "the engines' words differ, and say less",
    },
    Deliberate {
        shapes: NOWEB,
        labels: &["participants unknown"],
        what: &["$.exception.name: \"TypeError\", here \"Error\""],
        says: "its `name` is always `Error`",
        why: "it is no fault of this program's",
    },
    Deliberate {
        shapes: NOWEB,
        labels: &["join-info wrong", "join wrong", "leave again", "subject after leave"],
        what: &["$.exception.data: 410, here 406", "$.exception.data: 403, here 404"],
        says: "The code is what WhatsApp answered to the session's engine",
        why: "neither the recording's WhatsApp nor the simulator is WhatsApp",
    },
    Deliberate {
        shapes: BOTH,
        labels: &["*"],
        what: &["$.version*: \"2026.8.2\", here \"*"],
        says: "`version` is that of wagroups",
        why: "it is no WAHA",
    },
];
