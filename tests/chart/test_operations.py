"""That docs/OPERATIONS.md knows every metric, and speaks of nothing that is not there."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Set

from metrics import METRICS, SOURCE
from program import BIN, Service, free_ports, run, settings_in_force
from rendering import CHART, ROOT, render, scenario, the

PAGE = (ROOT / "docs/OPERATIONS.md").read_text()


def test_every_metric_is_declared_with_a_meaning() -> None:
    declared = set(re.findall(r'"(wagroups_\w+)"', SOURCE))
    assert declared == set(METRICS), "a metric without describe_…!"
    assert len(METRICS) > 30


def test_every_metric_has_a_row() -> None:
    rows = set(re.findall(r"^\| `(wagroups_\w+)`", PAGE, re.MULTILINE))
    assert rows == set(METRICS)


def test_no_other_metric_is_named() -> None:
    named: Set[str] = set(re.findall(r"`(wagroups_[a-z_]+)", PAGE))
    for name in named:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in METRICS or METRICS.get(base) == "histogram", name


def test_every_setting_that_is_named_exists() -> None:
    program = settings_in_force({})
    sections = {path.split(".")[0] for path in program}
    for name in re.findall(r"`(?:settings\.)?([a-z_]+\.[a-z_]+)`", PAGE):
        if name.split(".")[0] in sections:
            # `ops.enabled` and the like are the chart's.
            assert name in program or name in chart_values(), name
    for variable in re.findall(r"WAGROUPS_([A-Z_]+?)__([A-Z_]+)", PAGE):
        assert ".".join(variable).lower() in program, variable


def chart_values() -> Set[str]:
    return set(re.findall(r"^\| `([\w.]+)`", (CHART / "README.md").read_text(), re.MULTILINE))


def test_every_alert_has_a_chapter_and_every_chapter_an_alert() -> None:
    rule = the(render(scenario("everything"), "--set", "prometheusRule.disabled=null"), "PrometheusRule")
    alerts = [r["alert"] for r in rule["spec"]["groups"][0]["rules"] if r["alert"] != "Mine"]
    assert re.findall(r"^### (Wagroups\w+)$", PAGE, re.MULTILINE) == alerts


def test_every_command_that_is_named_exists() -> None:
    # Without the line of `--help` that says what each does: that is the command's own.
    written = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) + re.findall(r"`(wagroups [^`]+)`", PAGE))
    for words in sorted(set(re.findall(r"wagroups ((?:[a-z-]+ ?)+)", written))):
        command = words.split()
        if command[0] in ("migrate", "healthcheck", "sessions", "groups", "webhooks", "watch", "config", "api-key", "import", "cluster"):
            depth = 2 if command[0] in ("sessions", "groups", "webhooks", "api-key", "import", "cluster") else 1
            asked = run([*command[:depth], "--help"], {})
            assert asked.returncode == 0, f"{BIN} {' '.join(command[:depth])}"


def test_an_older_version_starts_on_a_newer_schema(tmp_path: Path) -> None:
    """What the chapter on upgrading says of `helm rollback`, which runs no migration."""
    grpc, ops = free_ports(2)
    environment = {
        "WAGROUPS_DATABASE__URL": f"sqlite://{tmp_path}/wagroups.db?mode=rwc",
        "WAGROUPS_GRPC__LISTEN": f"127.0.0.1:{grpc}",
        "WAGROUPS_OPS__LISTEN": f"127.0.0.1:{ops}",
    }
    assert run(["migrate"], environment).returncode == 0
    with closing(sqlite3.connect(tmp_path / "wagroups.db")) as database, database:
        database.execute("INSERT INTO seaql_migrations VALUES ('m29991231_000001_later', 1)")
    with Service(environment, tmp_path / "log") as service:
        service.wait_until(["healthcheck", "--addr", f"http://127.0.0.1:{grpc}"], {})
        assert service.stop() == 0
    warnings = [line for line in service.log.read_text().splitlines() if "m29991231_000001_later" in line]
    quoted = re.search(r'does not know \("(.*?)"\)', PAGE, re.DOTALL)[1].replace("\n", " ")
    assert len(warnings) == 1 and "WARN" in warnings[0] and quoted in warnings[0]


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "docs/OPERATIONS.md", CHART / "README.md"):
        text = page.read_text()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
