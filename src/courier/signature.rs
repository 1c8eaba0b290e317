//! WAHA signs a body with HMAC-SHA-512 and writes the result in lower-case hex into a header.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

use crate::domain::session::WebhookSecret;

/// Over the raw bytes. A key of any length will do, so there is always a signature.
pub fn sign(key: &WebhookSecret, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(key.expose()) else { return String::new() };
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_wahas_documentation_shows() {
        let key = "my-secret-key".parse().unwrap();
        let body = br#"{"event":"message","session":"default","engine":"WEBJS"}"#;
        let expected = "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89";
        assert_eq!(sign(&key, body), expected);
    }
}
