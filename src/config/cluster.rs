//! Several replicas on one PostgreSQL.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::problems::Problems;
use super::{DatabaseUrl, values};

/// How replicas reach each other. Without `listen` the process is the only one on its database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// Where the other replicas hand calls on to this one.
    #[serde(with = "values::listen")]
    pub listen: Option<SocketAddr>,
    /// As the others reach `listen`: `host:port`, or `auto`, where that names one address.
    pub address: String,
    /// A file with the secret that replicas share, of at least 16 characters.
    #[serde(with = "values::file")]
    pub secret_file: Option<PathBuf>,
    /// A PEM file with the certificate that replicas show each other. With it `listen` speaks mutual TLS.
    #[serde(with = "values::file")]
    pub cert_file: Option<PathBuf>,
    /// A PEM file with the key of `cert_file`.
    #[serde(with = "values::file")]
    pub key_file: Option<PathBuf>,
    /// A PEM file with the authorities whose certificates other replicas may show.
    #[serde(with = "values::file")]
    pub ca_file: Option<PathBuf>,
    /// The name that the certificate of every replica has: their addresses change.
    pub server_name: String,
}

/// The address that `listen` says.
const AUTO: &str = "auto";

impl Default for Cluster {
    fn default() -> Self {
        Self {
            listen: None,
            address: AUTO.to_owned(),
            secret_file: None,
            cert_file: None,
            key_file: None,
            ca_file: None,
            server_name: "wagroups".to_owned(),
        }
    }
}

impl Cluster {
    /// As the other replicas reach this one; `None` = as `listen` says.
    pub fn address(&self) -> Option<&str> {
        (self.address != AUTO).then_some(self.address.as_str())
    }

    /// Whether replicas show each other certificates.
    pub fn has_tls(&self) -> bool {
        self.cert_file.is_some() && self.key_file.is_some() && self.ca_file.is_some()
    }

    /// Whether a replica is told apart from whoever else reaches the listener.
    pub fn knows_replicas(&self) -> bool {
        self.secret_file.is_some() || self.has_tls()
    }

    fn files(&self) -> [(&'static str, &Option<PathBuf>); 4] {
        [
            ("cluster.secret_file", &self.secret_file),
            ("cluster.cert_file", &self.cert_file),
            ("cluster.key_file", &self.key_file),
            ("cluster.ca_file", &self.ca_file),
        ]
    }

    pub(super) fn validate(&self, database: &DatabaseUrl, problems: &mut Problems) {
        let Some(listen) = self.listen else {
            let text =
                "needs cluster.listen, without which this process is the only one on its database";
            if self.address().is_some() {
                problems.add("cluster.address", text);
            }
            for (path, _) in self.files().into_iter().filter(|(_, file)| file.is_some()) {
                problems.add(path, text);
            }
            return;
        };
        let tls = self.files().into_iter().filter(|(path, _)| *path != "cluster.secret_file");
        let (set, missing): (Vec<_>, Vec<_>) = tls.partition(|(_, file)| file.is_some());
        if !set.is_empty() {
            for (path, _) in missing {
                problems.add(path, format!("is missing: it goes with {}", set[0].0));
            }
        }
        if !values::is_host_name(&self.server_name) {
            let text =
                "must be a name of the DNS, as it stands in the certificate of every replica";
            problems.add("cluster.server_name", text);
        }
        if database.is_sqlite() {
            let text = "several replicas need PostgreSQL: set database.url to postgres://…, or leave this off";
            problems.add("cluster.listen", text);
        }
        if !self.knows_replicas() && !listen.ip().is_loopback() {
            let text = "is reached from other machines, so that replicas must know each other: set cluster.cert_file, \
                        cluster.key_file and cluster.ca_file for mutual TLS, or cluster.secret_file";
            problems.add("cluster.listen", text);
        }
        if self.address().is_none() && listen.ip().is_unspecified() {
            let text = "must say as what the other replicas reach this one, such as 10.0.0.7:50052 (in Kubernetes the \
                        pod's address), as cluster.listen names every address of the machine";
            problems.add("cluster.address", text);
        }
        if self.address().is_some_and(|address| !is_host_and_port(address)) {
            problems.add("cluster.address", "must be host:port, or auto");
        }
    }
}

/// `name:port`, `10.0.0.7:50052` or `[fd00::7]:50052`.
fn is_host_and_port(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok() || values::is_host_name(host),
    };
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["wagroups-0.peers:50052", "10.0.0.7:50052", "[fd00::7]:50052", "localhost:1"] {
            assert!(is_host_and_port(good), "{good}");
        }
        for bad in [
            "",
            ":50052",
            "10.0.0.7",
            "[10.0.0.7]:50052",
            "fd00::7:50052",
            "a:0",
            "u@a:1",
            "http://a:1",
        ] {
            assert!(!is_host_and_port(bad), "{bad}");
        }
    }

    #[test]
    fn what_replicas_need_is_named() {
        let problems_of = |cluster: &Cluster, url: &str| {
            let mut problems = Problems::default();
            cluster.validate(&url.into(), &mut problems);
            problems.0.into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        let postgres = "postgres://me@db/groups";
        let listens = |listen: &str| Cluster { listen: listen.parse().ok(), ..Cluster::default() };
        assert!(problems_of(&Cluster::default(), "sqlite://a.db").is_empty());
        assert!(problems_of(&listens("127.0.0.1:0"), postgres).is_empty());
        assert_eq!(problems_of(&listens("127.0.0.1:0"), "sqlite://a.db"), ["cluster.listen"]);
        assert_eq!(
            problems_of(&listens("0.0.0.0:50052"), postgres),
            ["cluster.listen", "cluster.address"]
        );
        let address = |address: &str| Cluster { address: address.into(), ..listens("127.0.0.1:0") };
        assert_eq!(problems_of(&address("nowhere"), postgres), ["cluster.address"]);
        let unused = Cluster { address: "a:1".into(), ..Cluster::default() };
        assert_eq!(problems_of(&unused, postgres), ["cluster.address"]);
        let file = |name: &str| Some(PathBuf::from(name));
        let outside = Cluster { address: "a:1".into(), ..listens("0.0.0.0:1") };
        let whole = Cluster {
            cert_file: file("a"),
            key_file: file("b"),
            ca_file: file("c"),
            ..outside.clone()
        };
        assert!(problems_of(&whole, postgres).is_empty());
        let half = Cluster { cert_file: file("a"), secret_file: file("s"), ..outside.clone() };
        assert_eq!(problems_of(&half, postgres), ["cluster.key_file", "cluster.ca_file"]);
        let unnamed = Cluster { server_name: "a b".into(), ..whole };
        assert_eq!(problems_of(&unnamed, postgres), ["cluster.server_name"]);
        let unused = Cluster { ca_file: file("c"), ..Cluster::default() };
        assert_eq!(problems_of(&unused, postgres), ["cluster.ca_file"]);
    }
}
