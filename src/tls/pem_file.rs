//! Files of certificates and keys, named as the operator knows them: by the setting.

use std::fmt;
use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A PEM file, and the setting that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFile {
    setting: &'static str,
    path: PathBuf,
}

impl PemFile {
    pub fn new(setting: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { setting, path: path.into() }
    }

    /// What is wrong with it, for whoever set it.
    pub(super) fn wrong(&self, what: impl fmt::Display) -> String {
        format!("{}: {} {what}", self.setting, self.path.display())
    }

    /// Through symbolic links, by the name that was set: Kubernetes exchanges the link, not the file.
    pub(super) fn read(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.path).map_err(|error| self.wrong(format!("cannot be read: {error}")))
    }

    /// The certificate, and those between it and its authority.
    pub(super) fn chain(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.map_err(|error| self.wrong(format!("is no PEM file: {error}")))?;
        if chain.is_empty() {
            return Err(self.wrong("has no certificate; it must be a PEM file"));
        }
        Ok(chain)
    }

    pub(super) fn key(&self, pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
        PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
            self.wrong(format!(
                "has no private key that can be used: {error}; it must be a PEM file"
            ))
        })
    }

    /// The authorities; a file with one that is broken counts as a whole.
    pub(super) fn authorities(&self, pem: &[u8]) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        for certificate in self.chain(pem)? {
            roots.add(certificate).map_err(|error| {
                self.wrong(format!("has a certificate that cannot be used: {error}"))
            })?;
        }
        Ok(roots)
    }
}
