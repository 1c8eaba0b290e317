//! WAHA's description of itself in errors and events.

use serde::Serialize;
use utoipa::ToSchema;

/// Who answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    #[schema(example = "0.2.0")]
    version: &'static str,
    engine: String,
    #[schema(example = "CORE")]
    tier: &'static str,
    /// Always `null`.
    #[schema(required)]
    browser: Option<String>,
    #[schema(example = "linux/x64")]
    platform: String,
    worker: Worker,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Worker {
    /// Always `null`.
    #[schema(required)]
    id: Option<String>,
}

pub fn version(engine: &str) -> Version {
    Version {
        version: env!("CARGO_PKG_VERSION"),
        engine: engine.to_owned(),
        tier: "CORE",
        browser: None,
        platform: platform(std::env::consts::OS, std::env::consts::ARCH),
        worker: Worker::default(),
    }
}

/// As Node names platforms, which WAHA's clients know.
fn platform(system: &str, machine: &str) -> String {
    let system = if system == "macos" { "darwin" } else { system };
    let machine = match machine {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}/{machine}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_named_as_node_names_them() {
        assert_eq!(platform("linux", "x86_64"), "linux/x64");
        assert_eq!(platform("macos", "aarch64"), "darwin/arm64");
    }
}
