//! What TLS is spoken with: the certificate, its key, and whose certificates are believed.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, InconsistentKeys, RootCertStore,
    ServerConfig, SignatureScheme, SupportedProtocolVersion,
};
use sha2::{Digest as _, Sha256};

use super::certificate::Validity;
use super::pem_file::PemFile;
use crate::domain::clock::Timestamp;

/// Older versions are broken, and nobody is talked down to one.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Whether clients of a listener show a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    /// One that is shown must be of an authority in the file.
    Optional(PemFile),
    Required(PemFile),
}

/// Who is on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Callers.
    Public(ClientAuth),
    /// Other replicas: each shows the other a certificate that has this name and is of an authority in the file. Their
    /// addresses change, so that no certificate has these.
    Peers { ca: PemFile, server_name: ServerName<'static> },
}

/// The files that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PemFile,
    pub key: PemFile,
    pub purpose: Purpose,
}

/// What handshakes are made with.
#[derive(Debug)]
pub struct Material {
    pub h2: Arc<ServerConfig>,
    pub http1: Arc<ServerConfig>,
    /// As a client of another replica; none where callers are on the other side.
    pub peer: Option<Arc<ClientConfig>>,
    /// When the certificate expires.
    pub expires: Timestamp,
}

/// What the files held when they were read.
pub(super) struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Option<Vec<u8>>,
}

impl Contents {
    /// Tells whether they hold something else.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [&self.cert, &self.key, self.ca.as_ref().unwrap_or(&Vec::new())] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

impl TlsFiles {
    pub(super) fn read(&self) -> Result<Contents, String> {
        let ca = self.ca().map(PemFile::read).transpose()?;
        Ok(Contents { cert: self.cert.read()?, key: self.key.read()?, ca })
    }

    fn ca(&self) -> Option<&PemFile> {
        match &self.purpose {
            Purpose::Public(ClientAuth::None) => None,
            Purpose::Public(ClientAuth::Optional(ca) | ClientAuth::Required(ca)) => Some(ca),
            Purpose::Peers { ca, .. } => Some(ca),
        }
    }

    fn authorities(&self, contents: &Contents) -> Result<Option<Arc<RootCertStore>>, String> {
        let Some((ca, pem)) = self.ca().zip(contents.ca.as_ref()) else { return Ok(None) };
        Ok(Some(Arc::new(ca.authorities(pem)?)))
    }

    /// Says what is wrong with them, by the setting's name.
    pub(super) fn build(&self, contents: &Contents, now: Timestamp) -> Result<Material, String> {
        let chain = self.cert.chain(&contents.cert)?;
        let leaf = chain.first().ok_or_else(|| self.cert.wrong("has no certificate"))?;
        let validity = Validity::of(leaf)
            .map_err(|error| self.cert.wrong(format!("has no certificate: {error}")))?;
        validity.check(now).map_err(|what| self.cert.wrong(what))?;
        let authorities = self.authorities(contents)?;
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(authorities.clone(), &provider)?;
        let asks_clients = verifier.is_some();
        let key = || self.key.key(&contents.key);
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&VERSIONS)
            .map_err(|error| self.cert.wrong(error))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder
            .with_single_cert(chain.clone(), key()?)
            .map_err(|error| self.mismatch(&error))?;
        if asks_clients {
            // What is resumed is not looked at again: a certificate would be good beyond its time.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        let mut http1 = server.clone();
        server.alpn_protocols = vec![H2.to_vec()];
        http1.alpn_protocols = vec![HTTP1.to_vec()];
        let peer = match (&self.purpose, authorities) {
            (Purpose::Peers { .. }, Some(authorities)) => {
                let mut client = ClientConfig::builder_with_provider(provider)
                    .with_protocol_versions(&VERSIONS)
                    .map_err(|error| self.cert.wrong(error))?
                    .with_root_certificates(authorities)
                    .with_client_auth_cert(chain, key()?)
                    .map_err(|error| self.mismatch(&error))?;
                client.alpn_protocols = vec![H2.to_vec()];
                client.resumption = Resumption::disabled();
                Some(Arc::new(client))
            }
            _ => None,
        };
        Ok(Material {
            h2: Arc::new(server),
            http1: Arc::new(http1),
            peer,
            expires: validity.not_after,
        })
    }

    fn verifier(
        &self,
        authorities: Option<Arc<RootCertStore>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        let Some((ca, authorities)) = self.ca().zip(authorities) else { return Ok(None) };
        let builder = WebPkiClientVerifier::builder_with_provider(authorities, provider.clone());
        let builder = match &self.purpose {
            Purpose::Public(ClientAuth::Optional(_)) => builder.allow_unauthenticated(),
            Purpose::Public(ClientAuth::None | ClientAuth::Required(_)) | Purpose::Peers { .. } => {
                builder
            }
        };
        let verifier = builder.build().map_err(|error| ca.wrong(error))?;
        Ok(Some(match &self.purpose {
            Purpose::Public(_) => verifier,
            Purpose::Peers { server_name, .. } => {
                Arc::new(PeersOnly { verifier, name: server_name.clone() })
            }
        }))
    }

    fn mismatch(&self, error: &Error) -> String {
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                self.key.wrong("is not the key of the certificate beside it")
            }
            other => self.key.wrong(format!("cannot be used: {other}")),
        }
    }
}

/// Believes certificates that have the name which replicas have: the authority may have made others, too, for
/// programs that are no replicas.
#[derive(Debug)]
struct PeersOnly {
    verifier: Arc<dyn ClientCertVerifier>,
    name: ServerName<'static>,
}

impl ClientCertVerifier for PeersOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier.verify_client_cert(end_entity, intermediates, now)?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_name(&certificate, &self.name)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
