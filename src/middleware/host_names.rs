//! By which names a listener that asks for no key is reached.
//!
//! A stranger's name can lead to this machine for a moment (DNS rebinding), and makes the stranger's page in a
//! browser one of this site. A browser always sends the name by which it asks.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::HOST;
use url::{Host, Url};

/// The names besides `localhost` and addresses.
#[derive(Debug, Clone, Default)]
pub struct HostNames(Arc<[String]>);

impl HostNames {
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether a request with these headers asks by one of them. One with no name, or several, does not.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let mut said = headers.get_all(HOST).iter();
        match (said.next(), said.next()) {
            (Some(host), None) => host.to_str().is_ok_and(|host| self.include(host)),
            (None | Some(_), _) => false,
        }
    }

    fn include(&self, host: &str) -> bool {
        // What a browser would make of it, so that no way of writing a name looks like an address.
        let url = Url::parse(&format!("http://{host}/")).ok();
        let is_bare = |url: &Url| {
            url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        };
        let Some(url) = url.filter(is_bare) else { return false };
        match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost"
                    || name.ends_with(".localhost")
                    || self.0.iter().any(|known| known == name)
            }
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked_by(hosts: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        headers
    }

    #[test]
    fn a_listener_without_keys_has_few_names() {
        let names = HostNames::new(["Wagroups.monitoring.svc".to_owned()]);
        for host in [
            "localhost",
            "localhost:9090",
            "LOCALHOST",
            "app.localhost:1",
            "10.1.2.3:9090",
            "[fd00::1]:9090",
            "wagroups.monitoring.svc:9090",
            "WAGROUPS.monitoring.svc.",
        ] {
            assert!(names.admit(&asked_by(&[host])), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9090",
            "monitoring.svc",
            "user@localhost",
            "localhost/path",
            "localhost?x",
            "localhost, evil.example",
            ":9090",
        ] {
            assert!(!names.admit(&asked_by(&[host])), "{host}");
        }
        assert!(!names.admit(&asked_by(&[])), "no name");
        assert!(!names.admit(&asked_by(&["localhost", "evil.example"])), "two names");
    }
}
