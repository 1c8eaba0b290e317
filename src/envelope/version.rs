//! What WAHA says of itself in errors and events.

use serde_json::{Value, json};

pub fn version(engine: &str) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "engine": engine,
        "tier": "CORE",
        "browser": null,
        "platform": platform(std::env::consts::OS, std::env::consts::ARCH),
        "worker": { "id": null },
    })
}

/// In Node's words, which WAHA's clients know.
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
