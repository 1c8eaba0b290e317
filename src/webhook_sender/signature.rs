//! WAHA signs a body with HMAC-SHA-512 and writes the result in lower-case hex into a header.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

use crate::domain::session::WebhookSecret;

/// Over the raw bytes.
pub fn sign(key: &WebhookSecret, body: &[u8]) -> String {
    mac(key.expose(), body).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether the body was signed with the key. How long that takes does not reveal how near a guess is.
pub fn is_signed(key: &[u8], body: &[u8], signature: &[u8; 64]) -> bool {
    mac(key, body).is_some_and(|mac| mac.verify_slice(signature).is_ok())
}

/// A key of any length will do, so that there always is one.
fn mac(key: &[u8], body: &[u8]) -> Option<Hmac<Sha512>> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).ok()?;
    mac.update(body);
    Some(mac)
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
