use super::*;

fn environment(variables: &[(&str, &str)]) -> Sources {
    let environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    match load(&environment(variables)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let loaded = load(&Sources::default()).expect("the defaults are right");
    assert_eq!(loaded.settings.grpc.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(loaded.settings.database.url.expose(), "sqlite://wagroups.db?mode=rwc");
    assert_eq!(loaded.settings.events.retention.as_secs(), 7 * 86_400);
    assert_eq!(
        loaded.settings.ops.listen.map(|addr| addr.to_string()).as_deref(),
        Some("127.0.0.1:9090")
    );
    assert_eq!(loaded.source("grpc.listen"), Source::Default);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("wagroups.toml");
    let text = "[grpc]\nlisten = \"127.0.0.1:1\"\n[events]\nretention = \"2days\"\n[watch]\nmax_watchers = 7\n";
    std::fs::write(&file, text).expect("written");
    let mut sources = environment(&[
        ("WAGROUPS_GRPC__LISTEN", "127.0.0.1:2"),
        ("WAGROUPS_EVENTS__RETENTION", "3days"),
    ]);
    sources.file = Some(file.clone());
    sources.set = vec![("grpc.listen".to_owned(), "127.0.0.1:4".to_owned())];
    sources.flags = vec![("grpc.listen".to_owned(), "127.0.0.1:3".to_owned())];
    let loaded = load(&sources).expect("right");
    assert_eq!(loaded.settings.grpc.listen.port(), 3);
    assert_eq!(loaded.settings.events.retention.as_secs(), 3 * 86_400);
    assert_eq!(loaded.settings.watch.max_watchers, 7);
    assert_eq!(loaded.source("watch.max_watchers"), Source::File(file));
    assert!(loaded.to_toml().contains("listen = \"127.0.0.1:3\" # flag for grpc.listen"));
}

#[test]
fn each_wrong_setting_is_named_with_its_source_and_what_would_be_right() {
    for (variable, value, expected) in [
        (
            "WAGROUPS_GPRC__LISTEN",
            "x",
            "gprc.listen (environment variable WAGROUPS_GPRC__LISTEN): there is no such setting; did you mean grpc.listen?",
        ),
        ("WAGROUPS_GRPC__PORT", "1", "there is no such setting; there are grpc.answer_bytes"),
        ("WAGROUPS_NOPE", "1", "the sections are auth, cache"),
        (
            "WAGROUPS_GRPC__LISTEN",
            "nowhere",
            "grpc.listen (environment variable WAGROUPS_GRPC__LISTEN): ",
        ),
        ("WAGROUPS_WATCH__MAX_WATCHERS", "many", "must be a whole number; it is \"many\""),
        ("WAGROUPS_WATCH__MAX_WATCHERS", "0", "must be 1 to 10000000; it is 0"),
        ("WAGROUPS_REST__MAX_STREAMS", "4096", "must be less than rest.max_connections"),
        ("WAGROUPS_EVENTS__RETENTION", "1s", "must be 1m to "),
        ("WAGROUPS_EVENTS__RETENTION", "soon", "events.retention"),
        ("WAGROUPS_EVENTS__HISTORY_BYTES", "64MB", "must be a size such as 64MiB"),
        ("WAGROUPS_OPS__LISTEN", "here", "must be an address such as 127.0.0.1:9090, or off"),
        ("WAGROUPS_DATABASE__URL", "mysql://x", "must be postgres://"),
        ("WAGROUPS_SIMULATOR__ENABLED", "maybe", "must be true or false"),
        ("WAGROUPS_LOG__FORMAT", "xml", "log.format"),
        ("WAGROUPS_REST__LISTEN", "0.0.0.0:3000", "no keys are set, and rest.listen 0.0.0.0:3000"),
        ("WAGROUPS_REST__SHAPE", "venom", "rest.shape"),
        ("WAGROUPS_WAHA_INGRESS__BUFFER_BYTES", "1MiB", "one body of waha_ingress.max_body_bytes"),
        ("WAGROUPS_AUTH__KEYS", "justaname", "must be name:sha256:pattern|pattern"),
        ("WAGROUPS_AUTH__KEYS", "a:12:*", "must be a SHA-256 in 64 hex digits"),
        ("WAGROUPS_GRPC__LISTEN", "0.0.0.0:50051", "auth.keys (default): no keys are set"),
    ] {
        let found = problems(&[(variable, value)]);
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{variable}={value}: {found:?}"
        );
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let found = problems(&[
        ("WAGROUPS_WATCH__MAX_WATCHERS", "0"),
        ("WAGROUPS_SESSIONS__MAX", "x"),
        ("WAGROUPS_TYPO", "1"),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn variables_of_the_client_and_of_tests_are_no_settings() {
    let client = [
        ("WAGROUPS_ADDR", "x"),
        ("WAGROUPS_API_KEY", "y"),
        ("WAGROUPS_CA_FILE", "ca.crt"),
        ("WAGROUPS_CERT_FILE", "me.crt"),
        ("WAGROUPS_KEY_FILE", "me.key"),
        ("WAGROUPS_SERVER_NAME", "groups.example"),
        ("WAGROUPS_TEST_POSTGRES_URL", "z"),
        ("PATH", "p"),
        // What Kubernetes says of a service named wagroups.
        ("WAGROUPS_SERVICE_HOST", "10.0.0.1"),
        ("WAGROUPS_SERVICE_PORT_GRPC", "50051"),
        ("WAGROUPS_PORT", "tcp://10.0.0.1:50051"),
        ("WAGROUPS_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("WAGROUPS_OPS_SERVICE_HOST", "10.0.0.2"),
        ("WAGROUPS_OPS_PORT", "tcp://10.0.0.2:9090"),
        ("WAGROUPS_OPS_PORT_9090_TCP", "tcp://10.0.0.2:9090"),
    ];
    assert_eq!(problems(&client), Vec::<String>::new());
}

#[test]
fn keys_come_from_the_environment_and_are_not_shown() {
    let digest = "ab".repeat(32);
    let keys = format!("shop:{digest}:shop-*|default");
    let loaded = load(&environment(&[
        ("WAGROUPS_AUTH__KEYS", &keys),
        ("WAGROUPS_GRPC__LISTEN", "0.0.0.0:1"),
    ]));
    let loaded = loaded.expect("right");
    assert_eq!(loaded.settings.auth.keys.len(), 1);
    assert_eq!(loaded.settings.auth.keys[0].sessions.len(), 2);
    assert!(!loaded.to_toml().contains(&digest));
}

#[test]
fn a_section_is_taken_by_its_old_name_with_a_warning_that_has_the_new_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("wagroups.toml");
    std::fs::write(&file, "[webhook]\nmax_in_flight = 7\n").expect("written");
    let mut sources = environment(&[("WAGROUPS_WEBHOOK__BODY_TIMEOUT", "3s")]);
    sources.file = Some(file.clone());
    sources.set = vec![("webhook.commit_timeout".to_owned(), "4s".to_owned())];
    // Not the section's new name, though it is the same setting: the flag is named as before.
    sources.flags = vec![("waha_ingress.listen".to_owned(), "127.0.0.1:1".to_owned())];
    let loaded = load(&sources).expect("right");
    let ingress = &loaded.settings.waha_ingress;
    assert_eq!(ingress.max_in_flight, 7);
    assert_eq!(ingress.body_timeout.as_secs(), 3);
    assert_eq!(ingress.commit_timeout.as_secs(), 4);
    assert_eq!(ingress.listen.map(|addr| addr.port()), Some(1));
    assert_eq!(loaded.source("waha_ingress.max_in_flight"), Source::File(file.clone()));
    let [renamed] = loaded.renamed.as_slice() else { panic!("{:?}", loaded.renamed) };
    assert_eq!(
        renamed.to_string(),
        format!(
            "the settings webhook.* are named waha_ingress.*, WAGROUPS_WAHA_INGRESS__* in the environment; the next \
             version no longer takes the old name, which is used by webhook.max_in_flight (file {}), \
             webhook.body_timeout (environment variable WAGROUPS_WEBHOOK__BODY_TIMEOUT), \
             webhook.commit_timeout (flag for webhook.commit_timeout)",
            file.display()
        )
    );
    // What is wrong with a value has the name that it is to have.
    let found = problems(&[("WAGROUPS_WEBHOOK__MAX_IN_FLIGHT", "0")]);
    let source = "environment variable WAGROUPS_WEBHOOK__MAX_IN_FLIGHT";
    assert_eq!(
        found,
        [format!("waha_ingress.max_in_flight ({source}): must be 1 to 1000000; it is 0")]
    );
}

#[test]
fn a_section_under_both_names_is_refused_with_both() {
    let found = problems(&[
        ("WAGROUPS_WEBHOOK__LISTEN", "127.0.0.1:1"),
        ("WAGROUPS_WAHA_INGRESS__BODY_TIMEOUT", "3s"),
    ]);
    assert_eq!(
        found,
        [
            "webhook.listen (environment variable WAGROUPS_WEBHOOK__LISTEN): webhook.* is the old name of waha_ingress.*, \
          and waha_ingress.body_timeout (environment variable WAGROUPS_WAHA_INGRESS__BODY_TIMEOUT) is set, too; name \
          all of them waha_ingress.*"
        ]
    );
    // Our own webhooks are another section.
    let none = load(&environment(&[("WAGROUPS_WEBHOOKS__MAX", "3")])).expect("right").renamed;
    assert_eq!(none, []);
}
