//! Whom a client's certificate names.

use std::sync::Arc;

use crate::domain::san::San;

/// The certificate that the client has shown and that was verified, of an authority that the settings name: an extension
/// of each request of its connection. Also of one that another replica has handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The names that it is made out to; those of other kinds are left out.
    pub sans: Arc<[San]>,
}

impl ClientCertificate {
    pub fn new(sans: Vec<San>) -> Self {
        Self { sans: sans.into() }
    }
}
