use super::*;

fn name(text: &str) -> SessionName {
    text.parse().expect("a name")
}

fn secret(text: &str) -> WebhookSecret {
    text.parse().expect("a secret")
}

fn waha(server: Option<&str>, remote: Option<&str>) -> EngineConfig {
    EngineConfig::Waha {
        server: server.map(str::to_owned),
        remote_session: remote.map(str::to_owned),
        webhook_secret: Some(secret("12345678")),
        webhooks_only: server.is_none(),
    }
}

fn phone() -> PhoneNumber {
    "4915100000001".parse().expect("a number")
}

#[test]
fn an_engine_is_known_by_its_name_and_has_settings_of_its_own() {
    for (kind, name) in [
        (EngineKind::Simulator, "simulator"),
        (EngineKind::Waha, "waha"),
        (EngineKind::Native, "native"),
    ] {
        assert_eq!(kind.as_str(), name);
        assert_eq!(EngineKind::from_name(name), Some(kind));
        assert_eq!(EngineConfig::default_of(kind).kind(), kind);
        assert!(EngineKind::ALL.contains(&kind));
    }
    assert_eq!(EngineKind::from_name("WAHA"), None);
}

#[test]
fn who_asks_for_an_engine_that_is_not_there_learns_what_to_do() {
    for (kind, reason, hint) in [
        (EngineKind::Simulator, Reason::SimulatorDisabled, "simulator.enabled"),
        (EngineKind::Waha, Reason::UnsupportedByEngine, "waha.servers"),
        (EngineKind::Native, Reason::UnsupportedByEngine, "another engine"),
    ] {
        assert_eq!(kind.reason_if_unavailable(), reason);
        assert!(kind.hint_if_unavailable().contains(hint), "{kind:?}");
    }
}

#[test]
fn only_a_session_of_waha_has_a_server_webhooks_and_an_account_that_others_may_change() {
    let session = name("shop");
    let carried = waha(Some("one"), Some("default"));
    assert!(carried.takes_webhooks() && carried.is_linked_elsewhere());
    assert!(!carried.takes_webhooks_only());
    assert_eq!(carried.server(), Some("one"));
    assert_eq!(carried.route(), Some(("one", Some("default"))));
    assert_eq!(carried.name_at_server(&session), "default");
    assert_eq!(carried.webhook_secret().map(WebhookSecret::expose), Some(&b"12345678"[..]));
    assert_eq!(carried.phone_number(), None);

    let same_name = waha(Some("one"), None);
    assert_eq!(same_name.route(), Some(("one", None)));
    assert_eq!(same_name.name_at_server(&session), "shop");

    let without_server = waha(None, Some("default"));
    assert!(without_server.takes_webhooks() && without_server.takes_webhooks_only());
    assert_eq!((without_server.server(), without_server.route()), (None, None));

    for (config, number) in [
        (EngineConfig::Simulator { phone_number: Some(phone()) }, Some(phone())),
        (EngineConfig::Native {}, None),
    ] {
        assert!(!config.takes_webhooks() && !config.takes_webhooks_only());
        assert!(!config.is_linked_elsewhere());
        assert_eq!((config.server(), config.route()), (None, None));
        assert_eq!(config.webhook_secret(), None);
        assert_eq!(config.name_at_server(&session), "shop");
        assert_eq!(config.phone_number(), number);
    }
}

/// The settings' server, whether it is to have none, and the secret.
fn updated(
    new: EngineConfig,
    held: &EngineConfig,
    secret: Option<Option<WebhookSecret>>,
) -> (Option<String>, bool, Option<WebhookSecret>) {
    match new.updating(held, secret) {
        EngineConfig::Waha { server, webhooks_only, webhook_secret, .. } => {
            (server, webhooks_only, webhook_secret)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_keep_the_secret_and_the_server_that_they_do_not_name() {
    let (one, two) = (Some("one".to_owned()), Some("two".to_owned()));
    let (old, new) = (Some(secret("12345678")), Some(secret("abcdefgh")));
    let silent = || EngineConfig::default_of(EngineKind::Waha);
    let held = waha(Some("one"), None);
    assert_eq!(updated(silent(), &held, None), (one.clone(), false, old.clone()));
    assert_eq!(updated(waha(Some("two"), None), &held, None), (two, false, old.clone()));
    assert_eq!(updated(silent(), &held, Some(new.clone())), (one.clone(), false, new));
    assert_eq!(updated(silent(), &held, Some(None)), (one, false, None));
    assert_eq!(updated(waha(None, None), &held, None), (None, true, old.clone()));
    assert_eq!(updated(silent(), &waha(None, None), None), (None, true, old));
    let native = EngineConfig::Native {};
    assert_eq!(native.clone().updating(&held, None), native);
}

#[test]
fn a_secret_has_8_to_512_bytes_and_is_never_shown() {
    for length in [8, 512] {
        assert_eq!(secret(&"x".repeat(length)).expose().len(), length);
    }
    for text in ["1234567", &"x".repeat(513), "1234567\n", "12345678\u{7f}"] {
        let error = text.parse::<WebhookSecret>().expect_err(text);
        assert!(error.to_string().contains("8 to 512 bytes"), "{error}");
    }
    let shown = format!("{:?}", secret("12345678"));
    assert!(shown.starts_with("WebhookSecret") && !shown.contains("1234"), "{shown}");
}

#[test]
fn a_status_is_known_by_its_name_here_and_in_the_contract() {
    let names = SessionStatus::ALL.map(SessionStatus::as_str);
    assert_eq!(names, ["stopped", "starting", "scan_qr_code", "working", "failed", "logged_out"]);
    for status in SessionStatus::ALL {
        assert_eq!(SessionStatus::from_name(status.as_str()), Some(status));
    }
    assert_eq!(SessionStatus::from_name("WORKING"), None);
    assert_eq!(SessionStatus::ScanQrCode.contract_name(), "SCAN_QR_CODE");
}

#[test]
fn the_etag_is_another_with_other_labels_or_settings_and_tells_nothing_of_the_secret() {
    let session = |config: EngineConfig, team: &str| Session {
        name: name("shop"),
        engine: config.kind(),
        config,
        status: SessionStatus::Working,
        status_reason: String::new(),
        status_time: Timestamp::EPOCH,
        account: None,
        push_name: String::new(),
        metadata: BTreeMap::from([("team".to_owned(), team.to_owned())]),
        wanted: true,
        sequence: Sequence::ZERO,
        create_time: Timestamp::EPOCH,
        synced_time: None,
    };
    let held = session(waha(Some("one"), None), "north");
    let etag = held.etag();
    assert_eq!(etag.len(), 16);
    assert_ne!(session(waha(Some("one"), None), "south").etag(), etag);
    assert_ne!(session(waha(Some("two"), None), "north").etag(), etag);
    let resigned = waha(Some("one"), None).updating(&held.config, Some(Some(secret("abcdefgh"))));
    assert_eq!(session(resigned, "north").etag(), etag);
    let working = Session { status: SessionStatus::Failed, push_name: "Shop".to_owned(), ..held };
    assert_eq!(working.etag(), etag, "how it fares is no setting");
}
