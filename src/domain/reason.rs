//! The one table of everything that can go wrong: reason, gRPC code, our HTTP status, WAHA's.

/// The gRPC status codes that this service answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $text:literal => $code:ident, $http:literal, $waha:literal;)+) => {
        /// Why a call failed. Stable: clients branch on it. `errors.proto` says what each one means
        /// to a caller; a test keeps the two lists equal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
        }

        impl Reason {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As it stands in `google.rpc.ErrorInfo.reason`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)+ }
            }

            /// The status of our own HTTP surfaces.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)+ }
            }

            /// The status that WAHA answers in the same case.
            pub fn waha_status(self) -> u16 {
                match self { $(Self::$variant => $waha,)+ }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

reasons! {
    InvalidRequest = "INVALID_REQUEST" => InvalidArgument, 400, 400;
    RequestIdReused = "REQUEST_ID_REUSED" => InvalidArgument, 400, 400;
    InvalidResumeToken = "INVALID_RESUME_TOKEN" => InvalidArgument, 400, 400;
    InvalidPageToken = "INVALID_PAGE_TOKEN" => InvalidArgument, 400, 400;
    PageTokenMismatch = "PAGE_TOKEN_MISMATCH" => InvalidArgument, 400, 400;
    StartTimeInFuture = "START_TIME_IN_FUTURE" => InvalidArgument, 400, 400;
    MessageTooLarge = "MESSAGE_TOO_LARGE" => ResourceExhausted, 413, 413;
    Unauthenticated = "UNAUTHENTICATED" => Unauthenticated, 401, 401;
    PermissionDenied = "PERMISSION_DENIED" => PermissionDenied, 403, 403;
    SessionNotFound = "SESSION_NOT_FOUND" => NotFound, 404, 422;
    GroupNotFound = "GROUP_NOT_FOUND" => NotFound, 404, 500;
    PictureNotFound = "PICTURE_NOT_FOUND" => NotFound, 404, 200;
    JoinRequestNotFound = "JOIN_REQUEST_NOT_FOUND" => NotFound, 404, 200;
    SessionAlreadyExists = "SESSION_ALREADY_EXISTS" => AlreadyExists, 409, 422;
    AccountNotFound = "ACCOUNT_NOT_FOUND" => NotFound, 404, 404;
    WebhookNotFound = "WEBHOOK_NOT_FOUND" => NotFound, 404, 404;
    SessionNotWorking = "SESSION_NOT_WORKING" => FailedPrecondition, 409, 422;
    SessionStarting = "SESSION_STARTING" => Unavailable, 503, 422;
    SessionLimitReached = "SESSION_LIMIT_REACHED" => ResourceExhausted, 429, 422;
    LoggedOut = "LOGGED_OUT" => FailedPrecondition, 409, 422;
    TemporarilyBanned = "TEMPORARILY_BANNED" => FailedPrecondition, 409, 422;
    AlreadyLoggedIn = "ALREADY_LOGGED_IN" => FailedPrecondition, 409, 422;
    WebhookLimitReached = "WEBHOOK_LIMIT_REACHED" => ResourceExhausted, 429, 429;
    NotGroupMember = "NOT_GROUP_MEMBER" => FailedPrecondition, 409, 500;
    NotGroupAdmin = "NOT_GROUP_ADMIN" => FailedPrecondition, 409, 500;
    NotGroupOwner = "NOT_GROUP_OWNER" => FailedPrecondition, 409, 500;
    GroupFull = "GROUP_FULL" => FailedPrecondition, 409, 500;
    InviteInvalid = "INVITE_INVALID" => FailedPrecondition, 409, 500;
    InviteRevoked = "INVITE_REVOKED" => FailedPrecondition, 409, 500;
    InviteExpired = "INVITE_EXPIRED" => FailedPrecondition, 409, 500;
    AlreadyMember = "ALREADY_MEMBER" => FailedPrecondition, 409, 500;
    NotOnWhatsapp = "NOT_ON_WHATSAPP" => FailedPrecondition, 409, 500;
    RecentlyRemoved = "RECENTLY_REMOVED" => FailedPrecondition, 409, 500;
    SubjectRejected = "SUBJECT_REJECTED" => FailedPrecondition, 409, 500;
    InvalidPicture = "INVALID_PICTURE" => InvalidArgument, 400, 500;
    PictureFetchFailed = "PICTURE_FETCH_FAILED" => FailedPrecondition, 409, 500;
    DescriptionConflict = "DESCRIPTION_CONFLICT" => Aborted, 409, 500;
    GroupLocked = "GROUP_LOCKED" => FailedPrecondition, 409, 500;
    RefusedByWhatsapp = "REFUSED_BY_WHATSAPP" => FailedPrecondition, 409, 500;
    PictureRejected = "PICTURE_REJECTED" => FailedPrecondition, 409, 500;
    SessionConflict = "SESSION_CONFLICT" => Aborted, 409, 409;
    ConcurrentUpdate = "CONCURRENT_UPDATE" => Aborted, 409, 500;
    RequestInProgress = "REQUEST_IN_PROGRESS" => Aborted, 409, 409;
    OutcomeUnknown = "OUTCOME_UNKNOWN" => Unknown, 504, 504;
    SnapshotRefused = "SNAPSHOT_REFUSED" => FailedPrecondition, 409, 500;
    SequenceNotReached = "SEQUENCE_NOT_REACHED" => Unavailable, 503, 500;
    ResumeTokenExpired = "RESUME_TOKEN_EXPIRED" => OutOfRange, 410, 410;
    StartTimeExpired = "START_TIME_EXPIRED" => OutOfRange, 410, 410;
    LogMismatch = "LOG_MISMATCH" => FailedPrecondition, 409, 409;
    LogDiverged = "LOG_DIVERGED" => FailedPrecondition, 409, 409;
    RateLimited = "RATE_LIMITED" => ResourceExhausted, 429, 500;
    Overloaded = "OVERLOADED" => Unavailable, 503, 503;
    TooManyWatchers = "TOO_MANY_WATCHERS" => ResourceExhausted, 429, 429;
    UnsupportedByEngine = "UNSUPPORTED_BY_ENGINE" => Unimplemented, 501, 501;
    NotImplemented = "NOT_IMPLEMENTED" => Unimplemented, 501, 501;
    MethodNotFound = "METHOD_NOT_FOUND" => Unimplemented, 404, 404;
    SimulatorDisabled = "SIMULATOR_DISABLED" => Unimplemented, 501, 501;
    RelayDisabled = "RELAY_DISABLED" => Unimplemented, 501, 501;
    EngineUnavailable = "ENGINE_UNAVAILABLE" => Unavailable, 503, 500;
    DatabaseUnavailable = "DATABASE_UNAVAILABLE" => Unavailable, 503, 500;
    Draining = "DRAINING" => Unavailable, 503, 503;
    ConnectionAged = "CONNECTION_AGED" => Unavailable, 503, 503;
    DeadlineExceeded = "DEADLINE_EXCEEDED" => DeadlineExceeded, 504, 500;
    Cancelled = "CANCELLED" => Cancelled, 499, 499;
    NoOwner = "NO_OWNER" => Unavailable, 503, 503;
    Internal = "INTERNAL" => Internal, 500, 500;
}

impl Reason {
    /// A refusal that invites the same call again; it must not be kept as the answer of a request id.
    pub fn invites_retry(self) -> bool {
        matches!(self.code(), Code::Unavailable | Code::ResourceExhausted | Code::Aborted)
    }

    /// Whether this is about who calls and how much, and not about what: the key, or a limit of ours.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Unauthenticated
                | Self::PermissionDenied
                | Self::SessionLimitReached
                | Self::WebhookLimitReached
                | Self::TooManyWatchers
                | Self::Overloaded
                | Self::MessageTooLarge
        )
    }
}

impl serde::Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_name(&text).ok_or_else(|| serde::de::Error::custom("unknown reason"))
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    /// `errors.proto` documents this table for callers; one must not change without the other.
    #[test]
    fn the_contract_documents_every_reason_with_its_codes() {
        let contract = include_str!("../../proto/wagroups/v1/errors.proto");
        for reason in Reason::ALL {
            let name = format!("REASON_{} =", reason.as_str());
            let comment =
                contract.split(&name).next().filter(|before| before.len() < contract.len());
            let comment = comment.unwrap_or_else(|| panic!("{name} is not in errors.proto"));
            let comment = comment.rsplit(";\n").next().unwrap_or_default().replace("\n  //", "");
            let code = format!("{:?}", reason.code());
            let expected = format!("HTTP {}, WAHA {}.", reason.http_status(), reason.waha_status());
            assert!(comment.contains(&expected), "{name} lacks {expected:?}");
            let code_as_documented =
                comment.split("gRPC ").nth(1).and_then(|rest| rest.split(',').next());
            let documented: String =
                code_as_documented.unwrap_or_default().replace('_', "").to_lowercase();
            assert_eq!(documented, code.to_lowercase(), "{name}");
        }
        assert_eq!(contract.matches("  REASON_").count(), Reason::ALL.len() + 1);
    }

    #[test]
    fn a_reason_is_known_by_its_name_and_kept_by_it() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_name(reason.as_str()), Some(*reason));
            let json = serde_json::to_string(reason).expect("JSON");
            assert_eq!(json, format!("\"{}\"", reason.as_str()));
            assert_eq!(serde_json::from_str::<Reason>(&json).expect("a reason"), *reason);
        }
        assert_eq!(Reason::from_name("group_full"), None);
        assert!(serde_json::from_str::<Reason>("\"INVENTED\"").is_err());
    }

    #[test]
    fn what_may_pass_by_itself_invites_the_same_call_again() {
        for (reason, again) in [
            (Reason::DatabaseUnavailable, true),
            (Reason::RateLimited, true),
            (Reason::ConcurrentUpdate, true),
            (Reason::GroupFull, false),
            (Reason::InvalidRequest, false),
            (Reason::OutcomeUnknown, false),
            (Reason::Internal, false),
        ] {
            assert_eq!(reason.invites_retry(), again, "{reason:?}");
        }
    }

    #[test]
    fn a_refusal_is_about_who_calls_and_how_much() {
        for (reason, is_refusal) in [
            (Reason::Unauthenticated, true),
            (Reason::PermissionDenied, true),
            (Reason::SessionLimitReached, true),
            (Reason::WebhookLimitReached, true),
            (Reason::TooManyWatchers, true),
            (Reason::Overloaded, true),
            (Reason::MessageTooLarge, true),
            (Reason::InvalidRequest, false),
            (Reason::NotGroupAdmin, false),
            (Reason::RateLimited, false),
        ] {
            assert_eq!(reason.is_refusal(), is_refusal, "{reason:?}");
        }
    }
}
