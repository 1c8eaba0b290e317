//! Whom our own HTTPS clients trust: the authorities of Mozilla's list, which comes with the program, and
//! those that the operator names beside them.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::failure::cause_of;

/// Authorities whose certificates are believed. Cheap to clone.
#[derive(Clone)]
pub struct Trust(Arc<RootCertStore>);

impl Default for Trust {
    fn default() -> Self {
        Self(Arc::new(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} authorities)", self.0.len())
    }
}

impl Trust {
    /// Trusts the authorities of this PEM file as well. Refuses one without any, or with one that is broken:
    /// who names a file wants all of it to count.
    pub fn and_of(self, file: &Path) -> Result<Self, String> {
        let shown = file.display();
        let mut roots = self.0.as_ref().clone();
        let before = roots.len();
        let certificates = CertificateDer::pem_file_iter(file)
            .map_err(|error| format!("{shown} cannot be read: {error}"))?;
        for certificate in certificates {
            certificate
                .map_err(|error| error.to_string())
                .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
                .map_err(|error| format!("a certificate in {shown} cannot be used: {error}"))?;
        }
        if roots.len() == before {
            return Err(format!("{shown} has no certificate; it must be a PEM file"));
        }
        Ok(Self(Arc::new(roots)))
    }

    pub fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        Ok(self.trusting()?.with_no_client_auth())
    }

    /// Of a client that shows the certificate of one PEM file, by the key of another. Says what is wrong with them.
    pub fn client_config_as(
        &self,
        cert_file: &Path,
        key_file: &Path,
    ) -> Result<ClientConfig, String> {
        let unreadable = |file: &Path, error: &dyn fmt::Display| {
            format!("{} cannot be used: {error}", file.display())
        };
        let certificates = CertificateDer::pem_file_iter(cert_file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(cert_file, &error))?;
        let key =
            PrivateKeyDer::from_pem_file(key_file).map_err(|error| unreadable(key_file, &error))?;
        let trusting = self.trusting().map_err(|error| error.to_string())?;
        trusting
            .with_client_auth_cert(certificates, key)
            .map_err(|error| unreadable(cert_file, &error))
    }

    fn trusting(&self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
        Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.0.clone()))
    }
}

/// Whether the other side's certificate is why a call failed.
pub fn distrusts(error: &(dyn Error + 'static)) -> bool {
    matches!(cause_of(error), Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_counts_as_a_whole_or_is_refused() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/waha/certificates");
        let trusted = Trust::default().and_of(&tests.join("authority.pem")).unwrap();
        assert_eq!(trusted.0.len(), Trust::default().0.len() + 1);
        for (file, wrong) in [
            ("missing.pem", "cannot be read"),
            ("README.md", "has no certificate"),
            ("server.key", "has no certificate"),
        ] {
            let refused = Trust::default().and_of(&tests.join(file)).unwrap_err();
            assert!(refused.contains(wrong), "{refused}");
        }
    }
}
