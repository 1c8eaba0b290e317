//! What stands in a certificate beside what verifies it.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use crate::domain::clock::Timestamp;
use crate::domain::san::San;

/// What the names of one certificate may take together: they go with each call that is handed on, in its head.
const MAX_NAMES_BYTES: usize = 4096;

/// When a certificate may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Validity {
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let parsed = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        let validity = parsed.tbs_certificate.validity;
        Ok(Self { not_before: moment(validity.not_before), not_after: moment(validity.not_after) })
    }

    /// Says so where it cannot be used now.
    pub fn check(&self, now: Timestamp) -> Result<(), String> {
        if now > self.not_after {
            return Err(format!("has expired: it was valid until {}", self.not_after));
        }
        if now < self.not_before {
            // Without the time of now: the same cause is told of once.
            return Err(format!(
                "is not valid yet: it begins at {}; look at this machine's clock, too",
                self.not_before
            ));
        }
        Ok(())
    }
}

fn moment(time: Time) -> Timestamp {
    let seconds = time.to_unix_duration().as_secs();
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The names that a certificate is made out to: those that are understood. What does not fit any more is left out, so
/// that it names nobody.
pub fn sans(certificate: &CertificateDer<'_>) -> Vec<San> {
    let Ok(parsed) = Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some((_, names))) = parsed.tbs_certificate.get::<SubjectAltName>() else {
        return Vec::new();
    };
    let mut sans: Vec<San> = Vec::new();
    let mut bytes = 0;
    for san in names.0.iter().filter_map(san) {
        bytes += san.to_string().len();
        if bytes > MAX_NAMES_BYTES {
            tracing::debug!(
                names = sans.len(),
                "a client's certificate has more names than are looked at"
            );
            break;
        }
        if !sans.contains(&san) {
            sans.push(san);
        }
    }
    sans
}

fn san(name: &GeneralName) -> Option<San> {
    match name {
        GeneralName::DnsName(name) => San::dns(name.as_str()).ok(),
        GeneralName::UniformResourceIdentifier(uri) => San::uri(uri.as_str()).ok(),
        GeneralName::Rfc822Name(address) => San::email(address.as_str()).ok(),
        GeneralName::OtherName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn names_are_those_of_the_extension_and_no_others() {
        let named = certificate(|params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "common.example.org");
            params.subject_alt_names = vec![
                SanType::DnsName("Billing.example.org".try_into().unwrap()),
                SanType::DnsName("billing.example.org".try_into().unwrap()),
                SanType::URI("spiffe://example.org/billing".try_into().unwrap()),
                SanType::Rfc822Name("me@example.org".try_into().unwrap()),
                SanType::IpAddress([127, 0, 0, 1].into()),
                SanType::DnsName("not a name".try_into().unwrap()),
            ];
        });
        let shown: Vec<String> = sans(&named).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["dns:billing.example.org", "uri:spiffe://example.org/billing", "email:me@example.org"]
        );
        assert_eq!(sans(&certificate(|_| {})), []);
        assert_eq!(sans(&CertificateDer::from(vec![0x30, 0x80, 0xff])), []);
    }

    #[test]
    fn names_beyond_what_a_head_takes_are_left_out() {
        let named = certificate(|params| {
            let name = |at| format!("{at:03}.{}.example.org", "x".repeat(60));
            params.subject_alt_names =
                (0..100).map(|at| SanType::DnsName(name(at).try_into().unwrap())).collect();
        });
        let sans = sans(&named);
        let bytes: usize = sans.iter().map(|san| san.to_string().len()).sum();
        assert!(bytes <= MAX_NAMES_BYTES && bytes > MAX_NAMES_BYTES - 100, "{bytes}");
        assert!(sans[0].to_string().starts_with("dns:000."));
    }

    #[test]
    fn the_time_of_a_certificate_is_known() {
        let dated = certificate(|params| {
            (params.not_before, params.not_after) =
                (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        });
        let validity = Validity::of(&dated).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(validity.not_after, at("2026-04-01T00:00:00Z"));
        assert!(validity.check(at("2026-02-01T00:00:00Z")).is_ok());
        let expired = validity.check(at("2026-04-01T00:00:01Z")).unwrap_err();
        assert_eq!(expired, "has expired: it was valid until 2026-04-01T00:00:00Z");
        let early = validity.check(at("2025-12-31T00:00:00Z")).unwrap_err();
        assert!(early.contains("begins at 2026-01-01T00:00:00Z"), "{early}");
        assert!(Validity::of(&CertificateDer::from(vec![1, 2, 3])).is_err());
    }
}
