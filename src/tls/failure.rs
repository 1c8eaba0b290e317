//! Why a handshake failed: as metrics name it, and in words.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// A handshake that failed at our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeFailure {
    /// As metrics name it.
    pub cause: &'static str,
    /// What happened, for a log.
    pub text: String,
}

impl HandshakeFailure {
    pub fn timed_out() -> Self {
        Self::new("timeout", "the handshake took too long")
    }

    /// Whether somebody's settings are likely wrong; all else is what strangers do.
    pub fn is_about_certificates(&self) -> bool {
        self.cause.contains("certificate")
            || matches!(self.cause, "unknown_authority" | "wrong_name" | "refused_by_client")
    }

    fn new(cause: &'static str, text: impl Into<String>) -> Self {
        Self { cause, text: text.into() }
    }

    /// `first` is the first byte that the client has sent, if any came.
    pub fn of(error: &io::Error, first: Option<u8>) -> Self {
        let Some(error) = cause_of(error) else {
            return Self::new("closed", "the client has closed the connection");
        };
        match error {
            Error::InvalidMessage(_) if first.is_some_and(|first| first.is_ascii_uppercase()) => {
                let text =
                    "the client speaks HTTP without TLS; this listener speaks TLS: use https://";
                Self::new("plain_http", text)
            }
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
                Self::new("not_tls", format!("the client does not speak TLS: {error}"))
            }
            Error::NoCertificatesPresented => Self::new(
                "no_certificate",
                "the client has shown no certificate, and tls.client_auth requires one",
            ),
            Error::InvalidCertificate(error) => Self::certificate(error),
            Error::PeerIncompatible(
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::SupportedVersionsExtensionRequired
                // Without it there is no TLS 1.2.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
            ) => Self::new("version", "the client speaks no TLS 1.2 or later"),
            Error::PeerIncompatible(_) => Self::new(
                "incompatible",
                format!("client and listener have nothing in common: {error}"),
            ),
            Error::NoApplicationProtocol => Self::new(
                "protocol",
                "the client asks for a protocol that this listener does not have: gRPC is h2, all else http/1.1",
            ),
            Error::AlertReceived(alert) => Self::new(
                "refused_by_client",
                format!("the client refuses our certificate, or the connection: {alert:?}"),
            ),
            other => Self::new("other", other.to_string()),
        }
    }

    fn certificate(error: &CertificateError) -> Self {
        let (cause, what) = match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ("certificate_expired", "has expired")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                ("certificate_not_yet_valid", "is not valid yet")
            }
            CertificateError::UnknownIssuer => {
                ("unknown_authority", "is of an authority that is not trusted here")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                ("wrong_name", "does not have the name that replicas have (cluster.server_name)")
            }
            _ => ("bad_certificate", "cannot be used"),
        };
        Self::new(cause, format!("the client's certificate {what}: {error}"))
    }
}

/// What TLS has to say of an error, wherever in it that stands.
pub fn cause_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error leaves what it is made of out of its sources.
        let made_of = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match made_of {
            Some(made_of) => Some(made_of),
            None => error.source(),
        };
    }
    None
}

/// Whether the other side has refused our certificate, or the handshake, and so has read nothing of what came after it.
/// In TLS 1.3 a client learns this only once it has sent its first request.
pub fn refused_in_handshake(error: &(dyn StdError + 'static)) -> bool {
    matches!(
        cause_of(error),
        Some(Error::AlertReceived(
            AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::NoApplicationProtocol
        ))
    )
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;

    #[test]
    fn a_cause_is_found_however_deep_it_lies() {
        let alert = Error::AlertReceived(AlertDescription::CertificateExpired);
        let inner = io::Error::new(io::ErrorKind::InvalidData, alert.clone());
        let outer = io::Error::other(inner);
        assert_eq!(cause_of(&outer), Some(&alert));
        assert!(refused_in_handshake(&outer));
        assert_eq!(cause_of(&io::Error::other("something else")), None);
        assert!(!refused_in_handshake(&io::Error::other(Error::DecryptError)));
    }

    #[test]
    fn what_a_client_did_wrong_is_told_apart() {
        let cause = |error: Error, first| {
            HandshakeFailure::of(&io::Error::new(io::ErrorKind::InvalidData, error), first).cause
        };
        let no_tls = Error::InvalidMessage(InvalidMessage::InvalidContentType);
        assert_eq!(cause(no_tls.clone(), Some(b'G')), "plain_http");
        assert_eq!(cause(no_tls.clone(), Some(0)), "not_tls");
        assert_eq!(cause(no_tls, None), "not_tls");
        assert_eq!(cause(Error::NoCertificatesPresented, Some(22)), "no_certificate");
        assert_eq!(cause(CertificateError::Expired.into(), Some(22)), "certificate_expired");
        assert_eq!(cause(CertificateError::UnknownIssuer.into(), Some(22)), "unknown_authority");
        assert_eq!(cause(CertificateError::BadSignature.into(), Some(22)), "bad_certificate");
        let closed = HandshakeFailure::of(&io::ErrorKind::UnexpectedEof.into(), None);
        assert_eq!(closed.cause, "closed");
    }
}
