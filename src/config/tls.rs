//! TLS of the listeners that callers reach.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::problems::Problems;
use super::values;

/// What gRPC, REST and the door for WAHA's webhooks show. Without `cert_file` they speak without TLS. A change of the
/// files is in force within seconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// A PEM file with the certificate, and those between it and its authority.
    #[serde(with = "values::file")]
    pub cert_file: Option<PathBuf>,
    /// A PEM file with the key of `cert_file`.
    #[serde(with = "values::file")]
    pub key_file: Option<PathBuf>,
    /// A PEM file with the authorities whose certificates clients may show.
    #[serde(with = "values::file")]
    pub client_ca_file: Option<PathBuf>,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// None is asked for.
    #[default]
    None,
    /// One that is shown must be good.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

impl Tls {
    pub fn is_on(&self) -> bool {
        self.cert_file.is_some() && self.key_file.is_some()
    }

    pub(super) fn validate(&self, of_ops: bool, problems: &mut Problems) {
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => {
                problems.add("tls.key_file", "is missing: it goes with tls.cert_file")
            }
            (None, Some(_)) => {
                problems.add("tls.cert_file", "is missing: it goes with tls.key_file")
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        let needs = "needs tls.cert_file and tls.key_file, without which no listener speaks TLS";
        let is_off = self.cert_file.is_none() && self.key_file.is_none();
        if is_off && of_ops {
            problems.add("ops.tls", needs);
        }
        match (self.client_auth, &self.client_ca_file) {
            (ClientAuth::None, None) => {}
            (ClientAuth::None, Some(_)) => problems.add(
                "tls.client_ca_file",
                "is for clients' certificates, which nobody is asked for: set tls.client_auth to optional or required",
            ),
            (ClientAuth::Optional | ClientAuth::Required, None) => problems.add(
                "tls.client_auth",
                "needs tls.client_ca_file: the authorities whose certificates clients may show",
            ),
            (ClientAuth::Optional | ClientAuth::Required, Some(_)) => {
                if is_off {
                    problems.add("tls.client_auth", needs);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_named() {
        let file = || Some(PathBuf::from("a"));
        let problems_of = |tls: &Tls, of_ops| {
            let mut problems = Problems::default();
            tls.validate(of_ops, &mut problems);
            problems.0.into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        let on = Tls { cert_file: file(), key_file: file(), ..Tls::default() };
        assert!(problems_of(&Tls::default(), false).is_empty());
        assert!(problems_of(&on, true).is_empty());
        assert_eq!(problems_of(&Tls::default(), true), ["ops.tls"]);
        let half = Tls { cert_file: file(), ..Tls::default() };
        assert_eq!(problems_of(&half, true), ["tls.key_file"]);
        let half = Tls { key_file: file(), ..Tls::default() };
        assert_eq!(problems_of(&half, false), ["tls.cert_file"]);
        for client_auth in [ClientAuth::Optional, ClientAuth::Required] {
            let unknown = Tls { client_auth, ..on.clone() };
            assert_eq!(problems_of(&unknown, false), ["tls.client_auth"]);
            let known = Tls { client_ca_file: file(), ..unknown };
            assert!(problems_of(&known, false).is_empty());
            let off = Tls { cert_file: None, key_file: None, ..known };
            assert_eq!(problems_of(&off, false), ["tls.client_auth"]);
        }
        let unused = Tls { client_ca_file: file(), ..on };
        assert_eq!(problems_of(&unused, false), ["tls.client_ca_file"]);
    }
}
