//! Who calls: the API key of a request against the keys of the settings.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::{Request, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tonic::body::Body;
use tower::{Layer, Service};

use super::audit::note_caller;
use super::client_certificate::ClientCertificate;
use super::served_rpcs::ServedRpcs;
use super::status::to_status;
use crate::domain::auth::Caller;
use crate::domain::error::Error;
use crate::domain::reason::Reason;
use crate::domain::san::San;

/// Probes ask this without a key; it reveals whether the service serves and nothing else.
const OPEN_DOOR: &str = "/grpc.health.v1.Health/";

/// The keys that are known, as hashes, and the names in clients' certificates. Empty = everybody may call.
#[derive(Debug, Clone, Default)]
pub struct Keyring(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: Vec<(Digest256, Caller)>,
    certificates: HashMap<San, Caller>,
}

type Digest256 = [u8; 32];

impl Keyring {
    pub fn new(
        keys: impl IntoIterator<Item = (Digest256, Caller)>,
        certificates: impl IntoIterator<Item = (San, Caller)>,
    ) -> Self {
        let (keys, certificates) = (keys.into_iter().collect(), certificates.into_iter().collect());
        Self(Arc::new(Known { keys, certificates }))
    }

    /// Whether everybody may call.
    pub fn is_open(&self) -> bool {
        self.0.keys.is_empty() && self.0.certificates.is_empty()
    }

    /// The caller of a request with these headers, by a connection of this certificate.
    ///
    /// A key goes before the certificate: whoever shows one that is not known is refused, whatever else it shows.
    ///
    /// Compares with every key and in constant time, so that the time taken reveals nothing about
    /// which keys there are or how near a guess is.
    pub fn identify(
        &self,
        headers: &http::HeaderMap,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Caller, Error> {
        self.identify_or(headers, None, certificate)
    }

    /// The same for callers who may give the key elsewhere, where the headers have none.
    pub fn identify_or(
        &self,
        headers: &http::HeaderMap,
        key: Option<&[u8]>,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Caller, Error> {
        if self.is_open() {
            return Ok(Caller::anyone());
        }
        let key = presented_key(headers).or(key);
        if let (None, Some(certificate)) = (key, certificate) {
            return self.certified(certificate);
        }
        let presented = Sha256::digest(key.unwrap_or_default());
        let mut found = None;
        for (digest, caller) in &self.0.keys {
            if bool::from(digest.as_slice().ct_eq(presented.as_slice())) {
                found = Some(caller);
            }
        }
        found.cloned().ok_or_else(|| {
            Error::new(
                Reason::Unauthenticated,
                "a valid API key is needed: send it as `authorization: Bearer KEY`",
            )
        })
    }

    /// Of a certificate with several names that are known the first one counts.
    fn certified(&self, certificate: &ClientCertificate) -> Result<Caller, Error> {
        let known = certificate.sans.iter().find_map(|san| self.0.certificates.get(san));
        known.cloned().ok_or_else(|| {
            Error::new(
                Reason::Unauthenticated,
                "no name in this client certificate is known here; send an API key as `authorization: Bearer KEY`, or \
                 have the name added to auth.certificates",
            )
        })
    }
}

fn presented_key(headers: &http::HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get(http::header::AUTHORIZATION) {
        let value = value.as_bytes();
        // Any other scheme is for a proxy in between.
        if let Some((scheme, key)) = value.split_at_checked("Bearer ".len())
            && scheme.eq_ignore_ascii_case(b"Bearer ")
        {
            return Some(key);
        }
    }
    headers.get("x-api-key").map(http::HeaderValue::as_bytes)
}

/// Lets a call pass with its [`Caller`] in the extensions, or answers UNAUTHENTICATED, or PERMISSION_DENIED where the
/// key has too low a role for the RPC.
#[derive(Debug, Clone)]
pub struct AuthLayer {
    keyring: Keyring,
    served: Arc<ServedRpcs>,
}

impl AuthLayer {
    pub fn new(keyring: Keyring, served: Arc<ServedRpcs>) -> Self {
        Self { keyring, served }
    }
}

#[derive(Debug, Clone)]
pub struct AuthService<S> {
    keyring: Keyring,
    served: Arc<ServedRpcs>,
    inner: S,
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthService { keyring: self.keyring.clone(), served: self.served.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let is_open_door = request.uri().path().starts_with(OPEN_DOOR);
        let identified = self.keyring.identify(request.headers(), request.extensions().get());
        let allowed = identified.and_then(|caller| {
            note_caller(&caller);
            caller.require(self.served.of(request.uri().path()).role)?;
            Ok(caller)
        });
        match allowed {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Either::Left(self.inner.call(request))
            }
            Err(_) if is_open_door => Either::Left(self.inner.call(request)),
            Err(error) => Either::Right(ready(Ok(to_status(&error).into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Keyring {
        let caller = |name: &str| Caller::new(name, vec!["*".parse().expect("a pattern")]);
        let keys = [
            (Sha256::digest("one").into(), caller("first")),
            (Sha256::digest("two").into(), caller("second")),
        ];
        Keyring::new(keys, [("dns:third.example".parse().expect("a name"), caller("third"))])
    }

    fn certificate(names: &[&str]) -> ClientCertificate {
        ClientCertificate::new(names.iter().map(|name| name.parse().expect("a name")).collect())
    }

    #[test]
    fn a_certificate_is_its_caller_where_no_key_is_shown() {
        let (none, one) = (http::HeaderMap::new(), headers("x-api-key", "one"));
        let third = certificate(&["dns:other.example", "dns:Third.example"]);
        assert_eq!(ring().identify(&none, Some(&third)).expect("known").key_name(), "third");
        assert_eq!(ring().identify(&one, Some(&third)).expect("known").key_name(), "first");
        for (headers, certificate) in [
            (none.clone(), certificate(&["dns:other.example", "uri:dns:third.example"])),
            (none, certificate(&[])),
            (headers("x-api-key", "wrong"), third),
        ] {
            let error = ring().identify(&headers, Some(&certificate)).expect_err("refused");
            assert_eq!(error.reason(), Reason::Unauthenticated);
        }
    }

    fn headers(name: &'static str, value: &'static str) -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn a_known_key_is_its_caller_in_either_header() {
        let caller = ring().identify(&headers("authorization", "Bearer two"), None).expect("known");
        assert_eq!(caller.key_name(), "second");
        let caller = ring().identify(&headers("x-api-key", "one"), None).expect("known");
        assert_eq!(caller.key_name(), "first");
    }

    #[test]
    fn whatever_is_not_a_known_key_is_refused_alike() {
        for headers in [
            http::HeaderMap::new(),
            headers("authorization", "Bearer three"),
            headers("authorization", "Basic one"),
            headers("authorization", "one"),
            headers("authorization", ""),
            headers("x-api-key", ""),
        ] {
            let error = ring().identify(&headers, None).expect_err("refused");
            assert_eq!(error.reason(), Reason::Unauthenticated);
        }
    }
}
