//! Several replicas on one PostgreSQL.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::problems::Problems;
use super::{DatabaseUrl, values};

/// How replicas reach each other. Without `listen` the process is the only one on its database.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// Where the other replicas hand calls on to this one.
    #[serde(with = "values::listen")]
    pub listen: Option<SocketAddr>,
    /// As the others reach `listen`: `host:port`. Empty = as it is, where it names one address.
    pub address: String,
    /// A file with the secret that replicas share, of at least 16 characters.
    #[serde(with = "values::file")]
    pub secret_file: Option<PathBuf>,
}

impl Cluster {
    pub(super) fn validate(&self, database: &DatabaseUrl, problems: &mut Problems) {
        let Some(listen) = self.listen else {
            if !self.address.is_empty() || self.secret_file.is_some() {
                let text = "needs cluster.listen, without which this process is the only one on its database";
                let path =
                    if self.address.is_empty() { "cluster.secret_file" } else { "cluster.address" };
                problems.add(path, text);
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
        if self.address.is_empty() && listen.ip().is_unspecified() {
            let text = "must say as what the other replicas reach this one, such as 10.0.0.7:50052 (in Kubernetes the \
                        pod's address), as cluster.listen names every address of the machine";
            problems.add("cluster.address", text);
        }
        let is_authority = self.address.parse::<http::uri::Authority>().is_ok_and(|authority| {
            authority.port_u16().is_some() && !self.address.contains('@')
        });
        if !self.address.is_empty() && !is_authority {
            problems.add("cluster.address", "must be host:port");
        }
    }
}
