"""That the program takes what the chart gives it: it is asked itself, for each scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml

from pods import KEY_HASH, environment_of
from program import run, settings_in_force
from rendering import CHART, Object, of_kind, render, render_with, scenario, the


def settings_of(rendered: List[Object], folder: Path, kind: str = "Deployment") -> Dict[str, Any]:
    return settings_in_force(environment_of(the(rendered, kind), rendered, folder))


def test_the_program_takes_every_scenario(rendered: List[Object], tmp_path: Path) -> None:
    service = settings_of(rendered, tmp_path)
    for job in of_kind(rendered, "Job"):
        migration = settings_in_force(environment_of(job, rendered, tmp_path))
        assert {k: v["value"] for k, v in migration.items()} == {k: v["value"] for k, v in service.items()}
    ports = {
        port["name"]: port["containerPort"]
        for container in the(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
        for port in container.get("ports", [])
    }
    for listener, section in (
        ("grpc", "grpc"), ("rest", "rest"), ("webhook", "waha_ingress"), ("ops", "ops"), ("cluster", "cluster"),
    ):  # fmt: skip
        value = service[f"{section}.listen"]["value"]
        if listener in ports:
            assert value in (f"0.0.0.0:{ports[listener]}", f"[::]:{ports[listener]}"), listener
        else:
            assert value == "off", listener
    assert service["auth.keys"]["value"], "nobody could call"


def test_what_is_set_is_in_force(scenario_file: Path, rendered: List[Object], tmp_path: Path) -> None:
    settings = settings_of(rendered, tmp_path)
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())["settings"]
    wanted = yaml.safe_load(scenario_file.read_text()).get("settings", {})
    environment = {e["name"] for e in yaml.safe_load(scenario_file.read_text()).get("extraEnv", [])}
    for section, values in defaults.items():
        for name, default in values.items():
            path = f"{section}.{name}"
            if f"WAGROUPS_{section}__{name}".upper() in environment:
                continue
            value = wanted.get(section, {}).get(name, default)
            in_force = settings[path]["value"]
            assert in_force == ("1m" if value == "60s" else value), path
            assert settings[path]["source"].startswith("file "), path


def test_an_extra_variable_wins_over_settings(tmp_path: Path) -> None:
    settings = settings_of(render(scenario("everything")), tmp_path)
    assert settings["log.format"] == {"value": "json", "source": "environment variable WAGROUPS_LOG__FORMAT"}


def test_keys_reach_the_program(tmp_path: Path) -> None:
    keys = settings_of(render(scenario("keys")), tmp_path)["auth.keys"]["value"]
    assert [(key["name"], key["sha256"], key["sessions"], key.get("role")) for key in keys] == [
        ("operator", "043515be…", ["*"], None),
        ("shop", "a34b1b99…", ["shop-*", "default"], "operator"),
    ]


def test_callers_by_certificate_reach_the_program(tmp_path: Path) -> None:
    certificates = settings_of(render(scenario("everything")), tmp_path)["auth.certificates"]["value"]
    assert certificates == [
        {"name": "billing", "san": "uri:spiffe://example.org/billing", "sessions": ["shop-*"], "role": "reader"}
    ]


def test_waha_servers_reach_the_program_and_their_keys_are_files(tmp_path: Path) -> None:
    rendered = render(scenario("everything"))
    servers = settings_of(rendered, tmp_path)["waha.servers"]["value"]
    assert [(s["name"], s["url"], s.get("api_key_file"), s["capacity"]) for s in servers] == [
        ("waha-1", "http://waha-1.waha:3000/", "/etc/wagroups-waha/one", 50),
        ("waha-2", "https://waha.example/path", "/etc/wagroups-waha/one", 500),
        ("waha-3", "http://[2001:db8::7]/", None, 500),
    ]
    for kind in ("Deployment", "Job"):
        spec = the(rendered, kind)["spec"]["template"]["spec"]
        [volume] = [v for v in spec["volumes"] if v["name"] == "waha-keys"]
        assert volume["secret"] == {"secretName": "waha-keys", "items": [{"key": "one", "path": "one"}]}
        [mount] = [m for m in spec["containers"][0]["volumeMounts"] if m["name"] == "waha-keys"]
        assert servers[0]["api_key_file"] == f"{mount['mountPath']}/one"


def test_the_databases_are_those_of_the_secrets(tmp_path: Path) -> None:
    for name, url in (
        ("postgres", "postgresql://app:…@cluster-rw.db:5432/app"),
        ("keys", "postgres://wagroups:…@db.example:5432/wagroups?sslmode=verify-full&sslrootcert=/etc/database-ca/ca.crt"),
        ("sqlite", "sqlite:///var/lib/wagroups/wagroups.db?mode=rwc"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        found = settings_of(render(scenario(name)), folder)["database.url"]["value"]
        # The name of a file with a certificate is no secret, but looks like one with `key` in it.
        assert found == url


@pytest.mark.parametrize(
    "text",
    ['info,wagroups=debug', 'a "quoted" \\ text', "ünïcode ✓", "<&>", "back\\slash", "tab\there", "{{ not a template }}"],
)
def test_any_text_survives_helm_yaml_and_toml(text: str, tmp_path: Path) -> None:
    rendered = render_with({"settings": {"log": {"filter": text}}}, tmp_path)
    assert settings_of(rendered, tmp_path)["log.filter"]["value"] == text


@pytest.mark.parametrize("count", [1, 999_999, 1_000_000, 10_000_000])
def test_large_numbers_stay_whole(count: int, tmp_path: Path) -> None:
    rendered = render_with({"settings": {"watch": {"max_watchers": count}}}, tmp_path)
    assert settings_of(rendered, tmp_path)["watch.max_watchers"]["value"] == count


def test_a_setting_that_is_taken_out_is_the_programs_default(tmp_path: Path) -> None:
    rendered = render_with({"settings": {"events": {"retention": None}}}, tmp_path)
    assert settings_of(rendered, tmp_path)["events.retention"] == {"value": "7days", "source": "default"}


def test_what_only_the_program_knows_to_be_wrong_ends_the_migration(tmp_path: Path) -> None:
    """Before anything of the release is touched, and with the program's own words."""
    rendered = render_with({"settings": {"rest": {"buffer_bytes": "1MiB"}}}, tmp_path)
    refused = run(["migrate"], environment_of(the(rendered, "Job"), rendered, tmp_path))
    assert refused.returncode == 2
    assert "rest.buffer_bytes" in refused.stderr and "must hold at least one body" in refused.stderr


def test_a_broken_key_ends_the_migration_too(tmp_path: Path) -> None:
    rendered = render(scenario("postgres"))
    secrets = {
        "wagroups-database": {"uri": "postgres://a:b@127.0.0.1:1/c"},
        "wagroups-keys": {"api-keys": f"operator:{KEY_HASH[:-1]}:*"},
    }
    refused = run(["migrate"], environment_of(the(rendered, "Job"), rendered, tmp_path, secrets))
    assert refused.returncode == 2 and "auth.keys" in refused.stderr


def test_a_section_by_its_old_name_is_taken_with_a_warning() -> None:
    taken = run(["config"], {"WAGROUPS_WEBHOOK__BODY_TIMEOUT": "5s"})
    assert taken.returncode == 0 and 'body_timeout = "5s"' in taken.stdout
    [warning] = taken.stderr.splitlines()
    assert "WAGROUPS_WEBHOOK__BODY_TIMEOUT" in warning and "WAGROUPS_WAHA_INGRESS__*" in warning
    both = {"WAGROUPS_WEBHOOK__BODY_TIMEOUT": "5s", "WAGROUPS_WAHA_INGRESS__MAX_IN_FLIGHT": "9"}
    refused = run(["config"], both)
    assert refused.returncode == 2 and "webhook.* is the old name of waha_ingress.*" in refused.stderr


def test_variables_of_a_service_by_the_programs_name_are_no_settings() -> None:
    """Kubernetes sets these for a Service named `wagroups` in pods that others make, such as those of a CronJob."""
    variables = {
        "WAGROUPS_SERVICE_HOST": "10.0.0.1",
        "WAGROUPS_SERVICE_PORT": "50051",
        "WAGROUPS_SERVICE_PORT_GRPC": "50051",
        "WAGROUPS_PORT": "tcp://10.0.0.1:50051",
        "WAGROUPS_PORT_50051_TCP": "tcp://10.0.0.1:50051",
        "WAGROUPS_PORT_50051_TCP_PROTO": "tcp",
        "WAGROUPS_PORT_50051_TCP_PORT": "50051",
        "WAGROUPS_PORT_50051_TCP_ADDR": "10.0.0.1",
    }
    assert settings_in_force(variables) == settings_in_force({})
    # What is only misspelt is refused as ever.
    refused = run(["config"], {"WAGROUPS_GRPC__LISTEM": "127.0.0.1:1"})
    assert refused.returncode == 2 and "grpc.listen" in refused.stderr
