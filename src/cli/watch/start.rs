//! Where a watch begins, and where it stands.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::cli::moment::Moment;
use crate::pb::watch_group_events_request::Start as Wire;
use crate::pb::{Earliest, WatchGroupEventsRequest};

/// What `--from` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Now,
    Earliest,
    Token(Bytes),
    Time(Moment),
}

impl Start {
    /// As requests have it; `None` for now.
    pub fn wire(&self) -> Option<Wire> {
        match self {
            Self::Now => None,
            Self::Earliest => Some(Wire::Earliest(Earliest {})),
            Self::Token(token) => Some(Wire::ResumeToken(token.clone())),
            Self::Time(moment) => Some(Wire::StartTime(moment.timestamp())),
        }
    }
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(token) = text.strip_prefix("token:") {
            return token_from_text(token).map(Self::Token);
        }
        match text {
            "now" => Ok(Self::Now),
            "earliest" => Ok(Self::Earliest),
            _ => text.parse().map(Self::Time).map_err(|_: String| {
                "must be now, earliest, token:BASE64, a time such as 2026-11-23T12:00:00Z, \
                 or a span such as \"15m ago\""
                    .to_owned()
            }),
        }
    }
}

/// A token as text: base64, as JSON and the follow file have it.
pub fn token_to_text(token: &[u8]) -> String {
    STANDARD.encode(token)
}

pub fn token_from_text(text: &str) -> Result<Bytes, String> {
    match STANDARD.decode(text.trim()) {
        Ok(token) if !token.is_empty() => Ok(token.into()),
        Ok(_) => Err("the token is empty".to_owned()),
        Err(error) => Err(format!("the token is no base64: {error}")),
    }
}

/// Where a watch stands: after a token once it has one, before that where it was to begin.
#[derive(Debug, Clone)]
pub struct Place {
    start: Option<Wire>,
    initial_state: bool,
    token: Option<Bytes>,
}

impl Place {
    /// Spans are taken from now once: a connection that breaks before the first token begins again
    /// at the same moment.
    pub fn new(start: &Start, initial_state: bool) -> Self {
        Self { start: start.wire(), initial_state, token: None }
    }

    pub fn after(token: Bytes) -> Self {
        Self {
            start: Some(Wire::ResumeToken(token.clone())),
            initial_state: false,
            token: Some(token),
        }
    }

    /// The response with this token was dealt with. One without a token moves nothing: an initial
    /// state that was cut has to be sent again from its beginning.
    pub fn advance(&mut self, token: &Bytes) {
        if !token.is_empty() {
            *self = Self::after(token.clone());
        }
    }

    /// Whether the watch goes on from a token of its own.
    pub fn resumes(&self) -> bool {
        self.token.is_some()
    }

    /// The token of the last response, once there is one.
    pub fn token(&self) -> Option<&Bytes> {
        self.token.as_ref()
    }

    pub fn request(&self, request: &WatchGroupEventsRequest) -> WatchGroupEventsRequest {
        WatchGroupEventsRequest {
            start: self.start.clone(),
            send_initial_state: self.initial_state,
            ..request.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn a_start_is_a_word_a_token_a_time_or_a_span() {
        assert_eq!("now".parse(), Ok(Start::Now));
        assert_eq!("earliest".parse(), Ok(Start::Earliest));
        assert_eq!("token:AQID".parse(), Ok(Start::Token(Bytes::from_static(&[1, 2, 3]))));
        let time = Timestamp::from_seconds(1_764_000_000);
        assert_eq!("2025-11-24T16:00:00Z".parse(), Ok(Start::Time(Moment::At(time))));
        let span = Duration::from_secs(900);
        assert_eq!("15m ago".parse(), Ok(Start::Time(Moment::Ago(span))));
        assert_eq!("15mago".parse(), Ok(Start::Time(Moment::Ago(span))));
        for wrong in ["", "later", "token:", "token:?", "15m", "x ago", "2025-11-24"] {
            assert!(wrong.parse::<Start>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_span_counts_back_from_now() {
        let now = Timestamp::from_seconds(1000);
        assert_eq!(Moment::Ago(Duration::from_secs(60)).resolve(now), Timestamp::from_seconds(940));
    }

    #[test]
    fn a_place_stays_until_a_token_comes() {
        let base = WatchGroupEventsRequest::default();
        let mut place = Place::new(&Start::Now, true);
        place.advance(&Bytes::new());
        assert!(place.request(&base).send_initial_state && !place.resumes());
        place.advance(&Bytes::from_static(&[9]));
        let request = place.request(&base);
        assert!(!request.send_initial_state && place.resumes());
        assert_eq!(request.start, Some(Wire::ResumeToken(Bytes::from_static(&[9]))));
    }
}
