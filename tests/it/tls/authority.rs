//! An authority that lives as long as a test, and the certificates that it makes.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Files {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A certificate and its key.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Pair {
    /// Writes them beside each other, the key first, as whoever renews in place does.
    pub fn write(&self, dir: &Path, name: &str) -> Files {
        let files =
            Files { cert: dir.join(format!("{name}.crt")), key: dir.join(format!("{name}.key")) };
        fs::write(&files.key, &self.key).expect("written");
        fs::write(&files.cert, &self.cert).expect("written");
        files
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("an authority") }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let file = dir.join(format!("{name}.crt"));
        fs::write(&file, self.pem()).expect("written");
        file
    }

    /// For these names and 127.0.0.1, for both sides of a connection.
    pub fn certify(&self, names: &[&str]) -> Pair {
        self.certify_with(names, |_| ())
    }

    pub fn certify_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let mut params = CertificateParams::default();
        let names = names.iter().map(|name| SanType::DnsName((*name).try_into().expect("a name")));
        params.subject_alt_names = names.collect();
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1));
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }

    pub fn expired(&self, names: &[&str]) -> Pair {
        self.certify_with(names, |params| {
            (params.not_before, params.not_after) =
                (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        })
    }

    pub fn not_yet_valid(&self, names: &[&str]) -> Pair {
        self.certify_with(names, |params| {
            (params.not_before, params.not_after) =
                (date_time_ymd(2110, 1, 1), date_time_ymd(2120, 1, 1));
        })
    }
}
