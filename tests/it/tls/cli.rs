//! The command line over TLS, and what it says where that fails.

use tempfile::TempDir;
use tokio::process::Command;
use wagroups::config::ClientAuth;

use super::authority::Authority;
use super::secured::{Secured, asking_clients};

/// What the program printed to stderr, and its exit code.
async fn run(words: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wagroups"));
    let ran = command.args(words).env_clear().output().await.expect("it runs");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    (ran.status.code().expect("a code"), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_tls_and_says_what_is_wrong() {
    let service = Secured::start_with(asking_clients(ClientAuth::Required)).await;
    let dir = TempDir::new().expect("a folder");
    let ca = service.authority.write(dir.path(), "ca").display().to_string();
    let pair = service.authority.certify(&["me.example"]).write(dir.path(), "me");
    let (cert, key) = (pair.cert.display().to_string(), pair.key.display().to_string());
    let port = service.grpc().port();
    let addr = format!("https://127.0.0.1:{port}");
    let shown = ["--cert", &cert, "--key", &key];
    let list = async |words: &[&str]| run(&[&["sessions", "list"], words].concat()).await;
    let both = async |words: &[&str]| {
        // The probe of containers says the same.
        let (code, said) = run(&[&["healthcheck"], words].concat()).await;
        assert_eq!(list(words).await.0, code, "{said}");
        (code, said)
    };

    let all = [&["--addr", &addr, "--ca-file", &ca][..], &shown].concat();
    assert_eq!(both(&all).await, (0, String::new()));
    // Whoever names an authority wants TLS.
    let bare = format!("127.0.0.1:{port}");
    let bare = [&["--addr", &bare, "--ca-file", &ca][..], &shown].concat();
    assert_eq!(both(&bare).await, (0, String::new()));
    let plain = format!("http://127.0.0.1:{port}");
    let (code, said) = both(&["--addr", &plain, "--ca-file", &ca]).await;
    assert!(code == 2 && said.contains("would be asked without TLS"), "{said}");
    let (code, said) = both(&["--addr", &plain]).await;
    assert!(code != 0 && said.contains("give https:// instead of http://"), "{said}");

    let (code, said) = both(&["--addr", &addr]).await;
    assert!(code == 3 && said.contains("an authority that is not trusted here"), "{said}");
    let (code, said) = both(&["--addr", &addr, "--ca-file", &ca]).await;
    assert!(code == 3 && said.contains("wants to see a certificate: --cert"), "{said}");
    let (code, said) = both(&["--addr", &addr, "--ca-file", &ca, "--cert", &cert]).await;
    assert!(code == 2 && said.contains("--cert needs --key"), "{said}");
    let named = [&all[..], &["--server-name", "other.example"]].concat();
    let (code, said) = both(&named).await;
    assert!(code == 3 && said.contains("and not for other.example"), "{said}");
    let named = [&all[..], &["--server-name", "localhost"]].concat();
    assert_eq!(both(&named).await.0, 0);

    for (pair, why) in [
        (service.authority.expired(&["me.example"]), "has expired, or is not valid yet"),
        (Authority::new("another").certify(&["me.example"]), "it does not trust its authority"),
    ] {
        let pair = pair.write(dir.path(), "refused");
        let (cert, key) = (pair.cert.display().to_string(), pair.key.display().to_string());
        let (code, said) =
            both(&["--addr", &addr, "--ca-file", &ca, "--cert", &cert, "--key", &key]).await;
        assert!(code == 3 && said.contains(why), "{said}");
    }
    service.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_named_as_such() {
    let service = crate::harness::service::Service::on_sqlite().await;
    let port = service.server.as_ref().expect("a running service").grpc_addr().port();
    let (code, said) = run(&["healthcheck", "--addr", &format!("https://127.0.0.1:{port}")]).await;
    assert!(code == 3 && said.contains("does not speak TLS"), "{said}");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_before_the_database_is_touched() {
    let dir = TempDir::new().expect("a folder");
    let pair = Authority::new("a").expired(&["localhost"]).write(dir.path(), "old");
    let url = format!("sqlite://{}/wagroups.db?mode=rwc", dir.path().display());
    let set = [
        format!("database.url={url}"),
        format!("tls.cert_file={}", pair.cert.display()),
        format!("tls.key_file={}", pair.key.display()),
    ];
    let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
    for command in ["serve", "migrate"] {
        let (code, said) = run(&[&[command], &set[..]].concat()).await;
        assert!(
            code == 1 && said.contains("tls.cert_file: ") && said.contains("has expired"),
            "{said}"
        );
        assert!(!dir.path().join("wagroups.db").exists());
    }
    let (code, said) = run(&[&["serve"], &set[..4]].concat()).await;
    assert!(code == 2 && said.contains("tls.key_file (default): is missing"), "{said}");
}
