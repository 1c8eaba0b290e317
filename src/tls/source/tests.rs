use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::*;
use crate::tls::{ClientAuth, PemFile, Purpose};

struct Pair {
    cert: String,
    key: String,
}

/// Valid in the years from `from` until `until`.
fn pair(from: i32, until: i32) -> Pair {
    let mut params = CertificateParams::new(vec!["wagroups".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    let key = KeyPair::generate().unwrap();
    Pair { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn now() -> Timestamp {
    "2030-06-01T00:00:00Z".parse().unwrap()
}

fn files(dir: &Path) -> TlsFiles {
    TlsFiles {
        cert: PemFile::new("tls.cert_file", dir.join("tls.crt")),
        key: PemFile::new("tls.key_file", dir.join("tls.key")),
        purpose: Purpose::Public(ClientAuth::None),
    }
}

fn write(dir: &Path, pair: &Pair) {
    fs::write(dir.join("tls.crt"), &pair.cert).unwrap();
    fs::write(dir.join("tls.key"), &pair.key).unwrap();
}

fn year_of(handle: &TlsHandle) -> String {
    handle.get().expires.to_string()[..4].to_owned()
}

#[test]
fn what_cannot_be_used_is_refused_by_the_settings_name() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    let refused = |files: TlsFiles| TlsSource::open(files, now()).unwrap_err();
    assert!(refused(files(dir)).starts_with("tls.cert_file: "));
    let good = pair(2030, 2031);
    write(dir, &good);
    assert!(TlsSource::open(files(dir), now()).is_ok());

    write(dir, &Pair { key: pair(2030, 2031).key, ..pair(2030, 2031) });
    let other_key = refused(files(dir));
    assert!(other_key.starts_with("tls.key_file: "), "{other_key}");
    assert!(other_key.ends_with("is not the key of the certificate beside it"), "{other_key}");
    write(dir, &Pair { cert: String::new(), key: good.key.clone() });
    assert!(refused(files(dir)).contains("tls.crt has no certificate"));
    write(dir, &Pair { cert: good.cert.clone(), key: good.cert.clone() });
    assert!(refused(files(dir)).contains("tls.key has no private key"));
    write(dir, &pair(2028, 2029));
    assert!(refused(files(dir)).contains("has expired: it was valid until 2029-01-01T00:00:00Z"));
    write(dir, &pair(2031, 2032));
    assert!(refused(files(dir)).contains("is not valid yet"));

    write(dir, &good);
    let with_ca = |name: &str| {
        let ca = PemFile::new("tls.client_ca_file", dir.join(name));
        TlsFiles { purpose: Purpose::Public(ClientAuth::Required(ca)), ..files(dir) }
    };
    assert!(refused(with_ca("missing.crt")).starts_with("tls.client_ca_file: "));
    assert!(refused(with_ca("tls.key")).contains("has no certificate"));
    assert!(TlsSource::open(with_ca("tls.crt"), now()).is_ok());
}

#[test]
fn a_new_pair_is_in_force_and_a_broken_one_leaves_the_old_and_is_told_of_once() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    write(dir, &pair(2030, 2031));
    let mut source = TlsSource::open(files(dir), now()).unwrap();
    let handle = source.handle();
    assert_eq!((source.look(now()), year_of(&handle)), (Look::Unchanged, "2031".into()));

    let next = pair(2030, 2032);
    // Half of it is written: that may be a moment.
    fs::write(dir.join("tls.crt"), &next.cert).unwrap();
    assert_eq!(source.look(now()), Look::Unchanged);
    write(dir, &next);
    assert_eq!((source.look(now()), year_of(&handle)), (Look::Renewed, "2032".into()));
    assert_eq!(source.look(now()), Look::Unchanged);

    fs::write(dir.join("tls.crt"), "nothing").unwrap();
    assert_eq!(source.look(now()), Look::Unchanged);
    let Look::Refused(why) = source.look(now()) else { panic!("it is told of") };
    assert!(why.starts_with("tls.cert_file: ") && why.contains("tls.crt"), "{why}");
    assert_eq!((source.look(now()), year_of(&handle)), (Look::Unchanged, "2032".into()));

    // Back to what is in force, and broken again: that is news.
    write(dir, &next);
    assert_eq!(source.look(now()), Look::Unchanged);
    fs::remove_file(dir.join("tls.key")).unwrap();
    assert_eq!(source.look(now()), Look::Unchanged);
    assert!(matches!(source.look(now()), Look::Refused(_)));

    // What is not valid yet is once its time has come.
    write(dir, &pair(2031, 2040));
    assert_eq!(source.look(now()), Look::Unchanged);
    let a_moment_later = now() + std::time::Duration::from_secs(2);
    assert!(matches!(source.look(a_moment_later), Look::Refused(_)));
    let later = "2031-06-01T00:00:00Z".parse().unwrap();
    assert_eq!((source.look(later), year_of(&handle)), (Look::Renewed, "2040".into()));
}

/// As Kubernetes does with a Secret that is mounted: the name leads through a link that is exchanged.
#[cfg(unix)]
#[test]
fn files_are_read_through_links_that_are_exchanged() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    for (name, year) in [("old", 2031), ("new", 2032)] {
        fs::create_dir(dir.join(name)).unwrap();
        write(&dir.join(name), &pair(2030, year));
    }
    let link = |to: &str| {
        std::os::unix::fs::symlink(to, dir.join("next")).unwrap();
        fs::rename(dir.join("next"), dir.join("..data")).unwrap();
    };
    link("old");
    for file in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(Path::new("..data").join(file), dir.join(file)).unwrap();
    }
    let mut source = TlsSource::open(files(dir), now()).unwrap();
    let handle = source.handle();
    assert_eq!(year_of(&handle), "2031");
    link("new");
    assert_eq!((source.look(now()), year_of(&handle)), (Look::Renewed, "2032".into()));
}
