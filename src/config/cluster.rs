//! Several replicas on one PostgreSQL.

use std::net::SocketAddr;
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
}

/// The address that `listen` says.
const AUTO: &str = "auto";

impl Default for Cluster {
    fn default() -> Self {
        Self { listen: None, address: AUTO.to_owned(), secret_file: None }
    }
}

impl Cluster {
    /// As the other replicas reach this one; `None` = as `listen` says.
    pub fn address(&self) -> Option<&str> {
        (self.address != AUTO).then_some(self.address.as_str())
    }

    pub(super) fn validate(&self, database: &DatabaseUrl, problems: &mut Problems) {
        let Some(listen) = self.listen else {
            let text =
                "needs cluster.listen, without which this process is the only one on its database";
            if self.address().is_some() {
                problems.add("cluster.address", text);
            }
            if self.secret_file.is_some() {
                problems.add("cluster.secret_file", text);
            }
            return;
        };
        if database.is_sqlite() {
            let text = "several replicas need PostgreSQL: set database.url to postgres://…, or leave this off";
            problems.add("cluster.listen", text);
        }
        if self.secret_file.is_none() && !listen.ip().is_loopback() {
            let text = "is reached from other machines, so that replicas must share a secret: set cluster.secret_file";
            problems.add("cluster.listen", text);
        }
        if self.address().is_none() && listen.ip().is_unspecified() {
            let text = "must say as what the other replicas reach this one, such as 10.0.0.7:50052 (in Kubernetes the \
                        pod's address), as cluster.listen names every address of the machine";
            problems.add("cluster.address", text);
        }
        let is_authority = |address: &str| {
            let parsed = address.parse::<http::uri::Authority>();
            parsed.is_ok_and(|parsed| parsed.port_u16().is_some() && !address.contains('@'))
        };
        if self.address().is_some_and(|address| !is_authority(address)) {
            problems.add("cluster.address", "must be host:port, or auto");
        }
    }
}
