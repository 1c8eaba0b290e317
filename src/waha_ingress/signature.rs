//! WAHA signs a body with HMAC-SHA-512 and writes the result in hex into a header.

use axum::http::HeaderMap;

use super::refusal::{Refusal, Unproven};
use crate::domain::session::WebhookSecret;
use crate::webhook_sender::signature::is_signed;

const SIGNATURE: &str = "x-webhook-hmac";
const ALGORITHM: &str = "x-webhook-hmac-algorithm";

/// The key by which bodies are verified where there is no secret; a match is refused all the same.
const NO_SECRET: &[u8] = b"the key of sessions that have none";

/// A signature as it came, yet to be verified.
#[derive(Debug)]
pub struct Signature([u8; 64]);

/// The signature in the headers; it is demanded before the body is read.
pub fn presented(headers: &HeaderMap) -> Result<Signature, Refusal> {
    if let Some(algorithm) = headers.get(ALGORITHM)
        && !algorithm.as_bytes().eq_ignore_ascii_case(b"sha512")
    {
        return Err(Refusal::OtherAlgorithm);
    }
    let value = headers.get(SIGNATURE).ok_or(Refusal::NotSigned)?;
    let mut signature = [0; 64];
    hex::decode_to_slice(value.as_bytes(), &mut signature)
        .map_err(|_| Refusal::Unproven(Unproven::WrongSignature))?;
    Ok(Signature(signature))
}

impl Signature {
    /// Whether the body was signed with the secret. Without one it takes as long to refuse, so that the time
    /// does not reveal which sessions there are; nor does it reveal how near a guess is.
    pub fn is_of(&self, secret: Option<&WebhookSecret>, body: &[u8]) -> bool {
        let key = secret.map_or(NO_SECRET, WebhookSecret::expose);
        let is_right = is_signed(key, body, &self.0);
        is_right && secret.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook_sender::signature::sign;

    /// As WAHA's documentation gives it.
    const BODY: &[u8] = br#"{"event":"message","session":"default","engine":"WEBJS"}"#;
    const HMAC: &str = "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89";

    fn headers(hmac: &str, algorithm: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, hmac.parse().unwrap());
        if let Some(algorithm) = algorithm {
            headers.insert(ALGORITHM, algorithm.parse().unwrap());
        }
        headers
    }

    fn verify(headers: &HeaderMap, secret: &str, body: &[u8]) -> Result<bool, Refusal> {
        Ok(presented(headers)?.is_of(Some(&secret.parse().unwrap()), body))
    }

    #[test]
    fn the_documented_signature_is_right() {
        for algorithm in [None, Some("sha512"), Some("SHA512")] {
            assert!(verify(&headers(HMAC, algorithm), "my-secret-key", BODY).unwrap());
        }
    }

    #[test]
    fn another_key_body_signature_or_algorithm_is_refused() {
        let good = headers(HMAC, None);
        let is_wrong = |verified| {
            matches!(verified, Ok(false) | Err(Refusal::Unproven(Unproven::WrongSignature)))
        };
        assert!(is_wrong(verify(&good, "my-secret-kex", BODY)));
        assert!(is_wrong(verify(&good, "my-secret-key", &BODY[1..])));
        for hmac in ["", "20", &HMAC[2..], &format!("{HMAC}00"), &HMAC.replace('2', "x")] {
            assert!(is_wrong(verify(&headers(hmac, None), "my-secret-key", BODY)), "{hmac}");
        }
        let md5 = verify(&headers(HMAC, Some("md5")), "my-secret-key", BODY);
        assert!(matches!(md5, Err(Refusal::OtherAlgorithm)));
        assert!(matches!(presented(&HeaderMap::new()), Err(Refusal::NotSigned)));
    }

    #[test]
    fn where_there_is_no_secret_no_signature_is_right() {
        let key = std::str::from_utf8(NO_SECRET).unwrap().parse().unwrap();
        let mut signature = [0; 64];
        hex::decode_to_slice(sign(&key, BODY), &mut signature).unwrap();
        let signed = Signature(signature);
        assert!(signed.is_of(Some(&key), BODY), "it is signed with that key");
        assert!(!signed.is_of(None, BODY));
    }
}
