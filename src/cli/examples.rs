//! An example or two of each command, shown by its `--help`; a test parses every one of them.

/// The examples of a command, by the words that lead to it.
pub fn of(path: &str) -> Option<&'static [&'static str]> {
    EXAMPLES.iter().find(|(words, _)| *words == path).map(|(_, examples)| *examples)
}

#[cfg(test)]
pub fn paths() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|(path, _)| *path)
}

#[rustfmt::skip]
const EXAMPLES: &[(&str, &[&str])] = &[
    ("serve", &[
        "wagroups serve",
        "wagroups serve --config /etc/wagroups.toml",
    ]),
    ("migrate", &[
        "wagroups migrate",
        "wagroups migrate --config /etc/wagroups.toml",
    ]),
    ("config", &[
        "wagroups config",
        "wagroups config --json | jq .database",
    ]),
    ("cluster status", &[
        "wagroups cluster status",
        "wagroups cluster status --json --config /etc/wagroups.toml",
    ]),
    ("healthcheck", &[
        "wagroups healthcheck",
        "wagroups healthcheck --addr http://wagroups:50051",
    ]),
    ("api-key new", &["wagroups api-key new shop --sessions 'shop,shop-*'"]),
    ("sessions list", &[
        "wagroups sessions list",
        "wagroups sessions list --status failed -o name",
    ]),
    ("sessions get", &["wagroups sessions get shop -o yaml"]),
    ("sessions create", &[
        "wagroups sessions create shop",
        "wagroups sessions create shop --engine waha --waha-server eu --metadata team=sales",
    ]),
    ("sessions update", &["wagroups sessions update shop --metadata team=sales --remove-metadata trial"]),
    ("sessions delete", &["wagroups sessions delete shop --yes"]),
    ("sessions start", &["wagroups sessions start shop"]),
    ("sessions stop", &["wagroups sessions stop shop"]),
    ("sessions logout", &["wagroups sessions logout shop"]),
    ("sessions pairing-code", &["wagroups sessions pairing-code shop '+49 151 20000001'"]),
    ("sessions watch", &["wagroups sessions watch shop --until-working"]),
    ("groups list", &[
        "wagroups groups list --session shop",
        "wagroups groups list --all -o name",
    ]),
    ("groups count", &["wagroups groups count --session shop"]),
    ("groups get", &[
        "wagroups groups get 120363000000000001@g.us",
        "wagroups groups get 120363000000000001@g.us --refresh --json",
    ]),
    ("groups create", &[
        "wagroups groups create --subject 'Rowing on Sunday' +4915120000001 +4915120000002",
        "wagroups groups create --subject Team --people-file people.txt --add-admin-only",
    ]),
    ("groups refresh", &[
        "wagroups groups refresh",
        "wagroups groups refresh 120363000000000001@g.us",
    ]),
    ("groups delete", &[
        "wagroups groups delete 120363000000000001@g.us",
        "wagroups groups delete 120363000000000001@g.us --yes --no-wait",
    ]),
    ("groups leave", &["wagroups groups leave 120363000000000001@g.us"]),
    ("groups join", &["wagroups groups join https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"]),
    ("groups join-info", &["wagroups groups join-info AbCdEfGhIjKlMnOpQrStUv"]),
    ("groups subject set", &["wagroups groups subject set 120363000000000001@g.us 'Rowing on Monday'"]),
    ("groups description set", &[
        "wagroups groups description set 120363000000000001@g.us 'Bring a book'",
        "cat rules.txt | wagroups groups description set 120363000000000001@g.us -",
    ]),
    ("groups description clear", &["wagroups groups description clear 120363000000000001@g.us"]),
    ("groups picture get", &["wagroups groups picture get 120363000000000001@g.us --file team.jpg"]),
    ("groups picture set", &[
        "wagroups groups picture set 120363000000000001@g.us team.png",
        "wagroups groups picture set 120363000000000001@g.us https://example.com/team.png",
    ]),
    ("groups picture delete", &["wagroups groups picture delete 120363000000000001@g.us"]),
    ("groups settings get", &["wagroups groups settings get 120363000000000001@g.us"]),
    ("groups settings set", &[
        "wagroups groups settings set 120363000000000001@g.us info-admin-only on",
        "wagroups groups settings set 120363000000000001@g.us disappearing-timer 7d",
    ]),
    ("groups participants list", &["wagroups groups participants list 120363000000000001@g.us --role admin"]),
    ("groups participants add", &[
        "wagroups groups participants add 120363000000000001@g.us +4915120000001 +4915120000002",
        "grep -v left team.txt | wagroups groups participants add 120363000000000001@g.us --people-file -",
    ]),
    ("groups participants remove", &[
        "wagroups groups participants remove 120363000000000001@g.us +4915120000001",
    ]),
    ("groups participants promote", &[
        "wagroups groups participants promote 120363000000000001@g.us +4915120000001",
    ]),
    ("groups participants demote", &[
        "wagroups groups participants demote 120363000000000001@g.us +4915120000001",
    ]),
    ("groups requests list", &["wagroups groups requests list 120363000000000001@g.us --refresh"]),
    ("groups requests approve", &[
        "wagroups groups requests list 120363000000000001@g.us -o name | wagroups groups requests approve 120363000000000001@g.us --people-file -",
    ]),
    ("groups requests reject", &["wagroups groups requests reject 120363000000000001@g.us +4915120000002"]),
    ("groups invite get", &["wagroups groups invite get 120363000000000001@g.us -o name"]),
    ("groups invite revoke", &["wagroups groups invite revoke 120363000000000001@g.us"]),
    ("groups events", &[
        "wagroups groups events --session shop",
        "wagroups groups events --group 120363000000000001@g.us --type participants-changed --limit 20",
    ]),
    ("watch", &[
        "wagroups watch --from earliest",
        "wagroups watch --session shop --follow-file shop.token --json",
    ]),
    ("webhooks list", &["wagroups webhooks list --state failing"]),
    ("webhooks get", &["wagroups webhooks get whk_01m0xx31cj9qweg9zxaf51mbp9"]),
    ("webhooks create", &[
        "wagroups webhooks create https://hooks.example/groups --hmac-key-file hook.key --session shop",
    ]),
    ("webhooks update", &[
        "wagroups webhooks update whk_01m0xx31cj9qweg9zxaf51mbp9 --url https://hooks.example/new",
    ]),
    ("webhooks delete", &["wagroups webhooks delete whk_01m0xx31cj9qweg9zxaf51mbp9 --yes"]),
    ("webhooks pause", &["wagroups webhooks pause whk_01m0xx31cj9qweg9zxaf51mbp9"]),
    ("webhooks resume", &["wagroups webhooks resume whk_01m0xx31cj9qweg9zxaf51mbp9"]),
    ("webhooks replay", &["wagroups webhooks replay whk_01m0xx31cj9qweg9zxaf51mbp9 --from '15m ago'"]),
    ("webhooks test", &["wagroups webhooks test whk_01m0xx31cj9qweg9zxaf51mbp9"]),
    ("relay status", &["wagroups relay status", "wagroups relay status --json"]),
    ("relay replay", &["wagroups relay replay --from '15m ago'"]),
    ("import waha", &["wagroups import waha recorded/ --secret-file waha.secret"]),
    ("waha register-webhook", &[
        "wagroups waha register-webhook shop --server http://waha:3000 --url http://wagroups:8090 --secret-file waha.secret",
    ]),
    ("simulator account put", &[
        "wagroups simulator account put +4915120000001 --name Ann --add-privacy nobody",
    ]),
    ("simulator account get", &["wagroups simulator account get +4915120000001"]),
    ("simulator act create-group", &[
        "wagroups simulator act create-group +4915120000001 'The others' +4915120000002",
    ]),
    ("simulator act join-by-invite", &[
        "wagroups simulator act join-by-invite +4915120000001 AbCdEfGhIjKlMnOpQrStUv",
    ]),
    ("simulator act accept-private-invite", &[
        "cat invite.json | wagroups simulator act accept-private-invite +4915120000001 -",
    ]),
    ("simulator act walk-in", &["wagroups simulator act walk-in +4915120000001 120363000000000001@g.us"]),
    ("simulator act leave", &["wagroups simulator act leave +4915120000001 120363000000000001@g.us"]),
    ("simulator act add-participants", &[
        "wagroups simulator act add-participants +4915120000001 120363000000000001@g.us +4915120000002",
    ]),
    ("simulator act remove-participants", &[
        "wagroups simulator act remove-participants +4915120000001 120363000000000001@g.us +4915120000002",
    ]),
    ("simulator act promote-participants", &[
        "wagroups simulator act promote-participants +4915120000001 120363000000000001@g.us +4915120000002",
    ]),
    ("simulator act demote-participants", &[
        "wagroups simulator act demote-participants +4915120000001 120363000000000001@g.us +4915120000002",
    ]),
    ("simulator act change-subject", &[
        "wagroups simulator act change-subject +4915120000001 120363000000000001@g.us Renamed",
    ]),
    ("simulator act change-description", &[
        "wagroups simulator act change-description +4915120000001 120363000000000001@g.us 'Bring a book'",
    ]),
    ("simulator act change-settings", &[
        "wagroups simulator act change-settings +4915120000001 120363000000000001@g.us --info-admin-only on",
    ]),
    ("simulator act change-picture", &[
        "wagroups simulator act change-picture +4915120000001 120363000000000001@g.us team.jpg",
        "wagroups simulator act change-picture +4915120000001 120363000000000001@g.us --remove",
    ]),
    ("simulator act revoke-invite", &[
        "wagroups simulator act revoke-invite +4915120000001 120363000000000001@g.us",
    ]),
    ("simulator act request-to-join", &[
        "wagroups simulator act request-to-join +4915120000001 120363000000000001@g.us",
    ]),
    ("simulator act cancel-join-request", &[
        "wagroups simulator act cancel-join-request +4915120000001 120363000000000001@g.us",
    ]),
    ("simulator act approve-join-requests", &[
        "wagroups simulator act approve-join-requests +4915120000001 120363000000000001@g.us +4915120000002",
    ]),
    ("simulator act reject-join-requests", &[
        "wagroups simulator act reject-join-requests +4915120000001 120363000000000001@g.us +4915120000002",
    ]),
    ("simulator act change-number", &["wagroups simulator act change-number +4915120000001 +4915120000002"]),
    ("simulator act suspend", &[
        "wagroups simulator act suspend +4915120000001 120363000000000001@g.us",
        "wagroups simulator act suspend +4915120000001 120363000000000001@g.us --lift",
    ]),
    ("simulator act migrate-to-lid", &[
        "wagroups simulator act migrate-to-lid +4915120000001 120363000000000001@g.us",
    ]),
    ("simulator act place-in-community", &[
        "wagroups simulator act place-in-community +4915120000001 120363000000000001@g.us --kind announcement --parent 120363000000000002@g.us",
    ]),
    ("simulator fault inject latency", &["wagroups simulator fault inject latency 2s --session shop"]),
    ("simulator fault inject hang", &["wagroups simulator fault inject hang --point after-apply"]),
    ("simulator fault inject rate-limit", &["wagroups simulator fault inject rate-limit 30s --uses 3"]),
    ("simulator fault inject drop-connection", &[
        "wagroups simulator fault inject drop-connection --operation AddParticipants",
    ]),
    ("simulator fault inject refuse", &[
        "wagroups simulator fault inject refuse 403 --operation SetGroupSubject",
    ]),
    ("simulator fault inject duplicate-notifications", &[
        "wagroups simulator fault inject duplicate-notifications 3 --uses -1",
    ]),
    ("simulator fault inject reorder-notifications", &[
        "wagroups simulator fault inject reorder-notifications 4",
    ]),
    ("simulator fault inject lose-notifications", &[
        "wagroups simulator fault inject lose-notifications --session shop",
    ]),
    ("simulator fault inject delay-notifications", &[
        "wagroups simulator fault inject delay-notifications 5s",
    ]),
    ("simulator fault inject snapshot", &[
        "wagroups simulator fault inject snapshot missing-members --percent 20",
    ]),
    ("simulator fault inject disconnect", &["wagroups simulator fault inject disconnect 10s --session shop"]),
    ("simulator fault inject logout", &["wagroups simulator fault inject logout --session shop"]),
    ("simulator fault clear", &["wagroups simulator fault clear --session shop"]),
    ("simulator group get", &["wagroups simulator group get 120363000000000001@g.us"]),
    ("simulator group list", &["wagroups simulator group list --member +4915120000001"]),
    ("simulator calls", &["wagroups simulator calls --session shop"]),
    ("simulator stats", &["wagroups simulator stats"]),
    ("simulator replay", &["wagroups simulator replay shop --count 5 --reverse"]),
    ("simulator link", &["wagroups simulator link shop"]),
    ("completions", &["source <(wagroups completions bash)"]),
    ("version", &[
        "wagroups version",
        "wagroups version -o json",
    ]),
];
