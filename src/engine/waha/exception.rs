//! What the exceptions of WAHA's engines mean: WhatsApp's code, or words that stand for it.

use serde_json::Value;

use crate::domain::reason::Reason;

/// An engine's exception, as WAHA passes it on.
pub(super) struct Exception<'a> {
    object: &'a Value,
    /// Its message.
    pub said: &'a str,
    name: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant<'a> {
    /// WhatsApp's code, which the operation gives a meaning, and the words beside it.
    Code(u32, &'a str),
    Refusal(Reason),
    /// WhatsApp did not answer the engine.
    Silence,
}

impl<'a> Exception<'a> {
    pub fn of(object: &'a Value) -> Self {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        Self { object, said: text("message"), name: text("name") }
    }

    /// `None` where it has no known code or words.
    pub fn meaning(&self) -> Option<Meant<'a>> {
        // WPP has the cause as a code, beside a readable text.
        let cause = self.object.get("code").and_then(Value::as_str).unwrap_or_default();
        let lower = format!("{} {cause}", self.said).to_ascii_lowercase();
        // Before the codes: Baileys gives its own state as a code of HTTP's, 428 where the connection is closed.
        if SILENCE.iter().any(|words| lower.contains(words)) {
            return Some(Meant::Silence);
        }
        let coded = code_in_words(self.said).or_else(|| {
            let code =
                CODE_FIELDS.iter().find_map(|name| whatsapp_code(self.object.get(*name)?))?;
            Some((code, self.line()))
        });
        if let Some((code, words)) = coded {
            return Some(Meant::Code(code, words));
        }
        if let Some((_, reason)) = WORDS.iter().find(|(words, _)| lower.contains(words)) {
            return Some(Meant::Refusal(*reason));
        }
        let whole = self.line().rsplit(": ").next().unwrap_or_default().to_ascii_lowercase();
        let is_said = |(words, _): &&(&str, u32)| match words.contains('-') {
            true => lower.contains(words),
            // An English word, which may be in any sentence.
            false => whole == **words,
        };
        CODE_WORDS.iter().find(is_said).map(|(_, code)| Meant::Code(*code, self.line()))
    }

    /// The message without the stack that some of them carry.
    fn line(&self) -> &'a str {
        self.said.lines().next().unwrap_or_default().trim()
    }

    /// WhatsApp Web's own errors go by a letter or two.
    pub fn is_minified(&self) -> bool {
        let line = self.line();
        let bare = line.strip_prefix("Evaluation failed: ").unwrap_or(line);
        bare.len() <= 2 && (bare == self.name || self.name == "Error" && !bare.is_empty())
    }

    pub fn is_type_error(&self) -> bool {
        self.name == "TypeError"
    }
}

/// Where an engine may keep WhatsApp's code: `data` on NOWEB, `status` and `statusCode` on WPP.
const CODE_FIELDS: [&str; 4] = ["data", "status", "statusCode", "code"];

/// A number, or one as text. GOWS has gRPC's code 2 there, which is none of WhatsApp's.
fn whatsapp_code(value: &Value) -> Option<u32> {
    let code = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    u32::try_from(code).ok().filter(|code| (300..600).contains(code))
}

/// `… status 403: forbidden` and `server returned error 463` on GOWS, `403: forbidden` on WPP.
fn code_in_words(said: &str) -> Option<(u32, &str)> {
    let in_range = |code: &str| code.parse().ok().filter(|code| (300..600).contains(code));
    if let Some((_, code)) = said.rsplit_once("server returned error ") {
        return Some((in_range(code.trim())?, said));
    }
    let rest = said.rsplit_once("status ").map_or(said, |(_, rest)| rest);
    let (code, words) = rest.split_once(':')?;
    Some((in_range(code)?, words.trim()))
}

/// In lower case.
const SILENCE: [&str; 6] = [
    "timed out",
    "websocket disconnected",
    "connection closed",
    "connection failure",
    "target closed",
    "session closed",
];

/// The engines' own error texts, in lower case. The first that fits counts.
const WORDS: [(&str, Reason); 14] = [
    // GOWS
    ("that group does not exist", Reason::GroupNotFound),
    ("you're not participating in that group", Reason::NotGroupMember),
    ("don't have the permission to get the group's invite link", Reason::NotGroupAdmin),
    ("invite link has been revoked", Reason::InviteRevoked),
    ("invite link is not valid", Reason::InviteInvalid),
    ("not a valid image", Reason::PictureRejected),
    // NOWEB
    ("group with id", Reason::GroupNotFound),
    // WEBJS and WPP
    ("invalid invite code", Reason::InviteInvalid),
    ("you_are_not_admin", Reason::NotGroupAdmin),
    ("not_a_group", Reason::GroupNotFound),
    ("chat_not_found", Reason::GroupNotFound),
    ("group_not_exist", Reason::GroupNotFound),
    ("not_participating", Reason::NotGroupMember),
    // One of the requested people; nothing was done for the others either.
    ("group_participant_not_found", Reason::RefusedByWhatsapp),
];

/// The words that WhatsApp's server puts beside its codes.
const CODE_WORDS: [(&str, u32); 16] = [
    ("rate-overlimit", 429),
    ("forbidden", 403),
    ("not-authorized", 401),
    ("item-not-found", 404),
    ("bad-request", 400),
    ("not-allowed", 405),
    ("not-acceptable", 406),
    ("conflict", 409),
    ("gone", 410),
    ("resource-limit", 419),
    ("locked", 423),
    ("upgrade-required", 426),
    ("internal-server-error", 500),
    ("service-unavailable", 503),
    ("partial-server-error", 530),
    ("not-modified", 304),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meant(exception: Value) -> String {
        format!("{:?}", Exception::of(&exception).meaning())
    }

    /// Wherever it stands, and whatever stands beside it.
    #[test]
    fn a_code_is_found_in_every_place_that_engines_have_for_it() {
        for code in [304, 400, 403, 410, 419, 436, 503, 530] {
            for exception in [
                json!({ "message": format!("2 UNKNOWN: info query returned status {code}: words"), "code": 2 }),
                json!({ "message": format!("{code}: words") }),
                json!({ "message": "words", "data": code, "isBoom": true, "output": {} }),
                json!({ "message": "words", "name": "ServerStatusCodeError", "status": code, "statusCode": code }),
                json!({ "message": "words", "status": code }),
                json!({ "message": "words", "statusCode": code }),
                json!({ "message": "words", "code": code }),
                json!({ "message": "words", "status": code.to_string(), "data": null }),
                json!({ "message": "words\n    at b.d [as constructor] (x.js:603:217)", "data": {}, "code": code }),
            ] {
                let expected = format!("{:?}", Some(Meant::Code(code, "words")));
                assert_eq!(meant(exception.clone()), expected, "{exception}");
            }
        }
        let error = json!({ "message": "server returned error 463", "code": 2 });
        assert_eq!(
            meant(error),
            format!("{:?}", Some(Meant::Code(463, "server returned error 463")))
        );
    }

    #[test]
    fn what_is_no_code_of_whatsapps_is_not_taken_for_one() {
        for exception in [
            json!({ "message": "words", "code": 2 }),
            json!({ "message": "words", "code": -32000 }),
            json!({ "message": "words", "status": "error", "code": "ERR_X", "data": [403] }),
            json!({ "message": "words", "statusCode": 200 }),
            json!({ "message": "x.js:603:217" }),
        ] {
            assert_eq!(meant(exception.clone()), "None", "{exception}");
        }
    }

    #[test]
    fn the_words_of_whatsapps_server_stand_for_its_codes() {
        for (words, code) in CODE_WORDS {
            for message in [
                words.to_owned(),
                words.to_ascii_uppercase(),
                format!("ServerStatusCodeError: {words}"),
                format!(
                    "Evaluation failed: Error: {words}\n    at Object.<anonymous> (x.js:46:317530)"
                ),
            ] {
                let said = meant(json!({ "message": message }));
                assert!(said.contains(&format!("Code({code}, ")), "{message}: {said}");
            }
        }
        // The same words within a sentence are not WhatsApp's codes.
        for message in [
            "the file is locked by another process",
            "all is gone wrong",
            "Stream Errored (conflict)",
        ] {
            assert_eq!(meant(json!({ "message": message })), "None", "{message}");
        }
    }

    #[test]
    fn silence_is_none_of_the_codes_that_baileys_gives_it() {
        for exception in [
            json!({ "message": "Connection Closed", "data": null, "statusCode": 428 }),
            json!({ "message": "Timed Out", "statusCode": 408 }),
            json!({ "message": "Runtime.callFunctionOn timed out.", "name": "ProtocolError" }),
        ] {
            assert_eq!(meant(exception), format!("{:?}", Some(Meant::Silence)));
        }
    }

    #[test]
    fn a_letter_or_two_is_whatsapp_webs_own_error() {
        for (message, name, expected) in [
            ("r", "r", true),
            ("b", "b", true),
            ("Evaluation failed: r", "Error", true),
            ("no", "Error", true),
            ("", "Error", false),
            ("not", "not", false),
        ] {
            let exception = json!({ "message": message, "name": name });
            assert_eq!(Exception::of(&exception).is_minified(), expected, "{message:?}");
        }
    }
}
