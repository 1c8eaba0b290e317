//! What a WAHA server can do, by its engine and its version.

use serde_json::Value;

use super::webhook::WahaEngine;
use crate::domain::operation::OperationName;

/// What the server reports of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerInfo {
    pub engine: WahaEngine,
    pub version: Version,
}

/// Year, month and patch. A version that is written otherwise is assumed to support everything: the server
/// refuses what it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

impl Version {
    fn of(text: &str) -> Self {
        let mut parts = text.split(['.', '-', '+']).map(|part| part.parse().ok());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(year), Some(month)) => {
                Self(year, month, parts.next().flatten().unwrap_or_default())
            }
            _ => Self(u32::MAX, 0, 0),
        }
    }
}

impl ServerInfo {
    /// From what `GET /api/server/version` answers; `None` where that is no WAHA, or none that we know.
    pub fn read(answer: &Value) -> Option<Self> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let engine = WahaEngine::from_name(text("engine")?)?;
        Some(Self { engine, version: Version::of(text("version").unwrap_or_default()) })
    }

    pub fn supports(&self, operation: OperationName) -> bool {
        use OperationName as Op;
        match operation {
            // No route of WAHA's sets it.
            Op::SetDisappearingTimer => false,
            Op::SetMemberAddMode => self.version >= Version(2026, 7, 2),
            Op::SetMembershipApproval
            | Op::ListJoinRequests
            | Op::ApproveJoinRequests
            | Op::RejectJoinRequests => self.version >= Version(2026, 8, 2),
            Op::SetMemberShareHistory => {
                self.version >= Version(2026, 9, 2)
                    && matches!(self.engine, WahaEngine::Gows | WahaEngine::Noweb)
            }
            // Every version that we know has the others.
            _ => true,
        }
    }

    /// Whether an empty description is taken: GOWS hung at it for ever.
    pub fn clears_descriptions(&self) -> bool {
        self.engine != WahaEngine::Gows || self.version >= Version(2026, 8, 2)
    }

    /// Whether groups that we have left may come back in its list: NOWEB's store did not forget them.
    pub fn keeps_left_groups(&self) -> bool {
        self.engine == WahaEngine::Noweb && self.version <= Version(2026, 8, 0)
    }

    /// Whether `participants/v2` is there, which names members by both names.
    pub fn has_participants_v2(&self) -> bool {
        self.version >= Version(2025, 11, 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_can_do_follows_from_its_engine_and_version() {
        use OperationName as Op;
        let info = |engine: &str, version: &str| {
            ServerInfo::read(&json!({"engine": engine, "version": version})).unwrap()
        };
        let cases = [
            ("GOWS", "2026.9.2", Op::SetMemberShareHistory, true),
            ("GOWS", "2026.9.1", Op::SetMemberShareHistory, false),
            ("WEBJS", "2026.9.2", Op::SetMemberShareHistory, false),
            ("NOWEB", "2026.8.2", Op::ListJoinRequests, true),
            ("NOWEB", "2026.8.1", Op::ListJoinRequests, false),
            ("WPP", "2026.7.2", Op::SetMemberAddMode, true),
            ("WPP", "2025.12.3", Op::SetMemberAddMode, false),
            ("GOWS", "2026.10.0-beta.1", Op::SetMemberShareHistory, true),
            ("GOWS", "dev", Op::SetMemberShareHistory, true),
            ("GOWS", "2026.9.2", Op::SetDisappearingTimer, false),
            ("WPP", "2025.1.1", Op::CreateGroup, true),
        ];
        for (engine, version, operation, can) in cases {
            assert_eq!(info(engine, version).supports(operation), can, "{engine} {version}");
        }
        assert_eq!(ServerInfo::read(&json!({"engine": "VENOM", "version": "1"})), None);
        assert_eq!(ServerInfo::read(&json!("pong")), None);
    }
}
