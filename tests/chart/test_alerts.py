"""That an alert comes when it should and not otherwise: Prometheus' own promtool evaluates them over series that are
made up."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import yaml

from rendering import render, scenario, the

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool (scripts/promtool.sh)")

OF = 'namespace="groups-test",service="rel-wagroups-ops"'

Series = Dict[str, str]


def series(metric: str, values: str, labels: str = "", pod: str = "p") -> Series:
    """Values at 30 seconds' distance, as promtool writes them: `_` is none, `1x5` six times 1, `0+1x5` growing."""
    return {"series": f'{metric}{{{OF},pod="{pod}"{labels}}}', "values": values}


def buckets(metric: str, fast: int, slow: int) -> List[Series]:
    """A histogram that so many observations each 30 seconds have made: below 5 ms, and between 2.5 and 5 seconds."""
    return [
        series(f"{metric}_bucket", f"0+{count}x100", f',le="{le}"')
        for le, count in (("0.005", fast), ("2.5", fast), ("5", fast + slow), ("+Inf", fast + slow))
    ]


UP = series("up", "1x300")

# The alert, after how long, over what, and whether it comes.
CASES: List[Tuple[str, str, List[Series], bool]] = [
    ("WagroupsDown", "10m", [UP], False),
    ("WagroupsDown", "10m", [], True),
    ("WagroupsDown", "10m", [series("up", "1x10 0x50")], True),
    ("WagroupsDown", "6m", [series("up", "1x8 0x3 1x50")], False),
    # A counter that was not there appears with 1.
    ("WagroupsPanics", "10m", [series("wagroups_panics_total", "_x10 1x50")], True),
    ("WagroupsPanics", "100m", [series("wagroups_panics_total", "_x10 1x250")], False),
    ("WagroupsPanics", "90m", [series("wagroups_panics_total", "7x200")], False),
    ("WagroupsPanics", "70m", [series("wagroups_panics_total", "7x100 8x100")], True),
    # A restart begins anew.
    ("WagroupsPanics", "90m", [series("wagroups_panics_total", "7x20 0x200")], False),
    ("WagroupsCommitsFail", "20m", [series("wagroups_commit_failures_total", "0+1x60")], True),
    *[("WagroupsCommitsFail", f"{minute}m", [series("wagroups_commit_failures_total", "_x20 1x60")], False)
      for minute in range(10, 20)],
    # Nobody changes anything, and probes fail.
    ("WagroupsCommitsFail", "20m", [series("wagroups_commits_work", "1x10 0x60")], True),
    ("WagroupsCommitsFail", "10m", [series("wagroups_commits_work", "1x10 0x60")], False),
    ("WagroupsCommitsFail", "20m", [series("wagroups_commits_work", "1x60")], False),
    ("WagroupsTwoWriters", "11m", [series("wagroups_commit_conflicts_total", "_x20 1x60")], True),
    ("WagroupsCommitsSlow", "20m", buckets("wagroups_commit_seconds", 100, 0), False),
    ("WagroupsCommitsSlow", "20m", buckets("wagroups_commit_seconds", 90, 10), True),
    ("WagroupsErrors", "25m", [series("wagroups_rpcs_total", "0+99x60", ',code="Ok"'),
                               series("wagroups_rpcs_total", "0+1x60", ',code="NotFound"')], False),
    ("WagroupsErrors", "25m", [series("wagroups_rpcs_total", "0+90x60", ',code="Ok"'),
                               series("wagroups_rpcs_total", "0+10x60", ',code="Internal"')], True),
    ("WagroupsErrors", "25m", [series("wagroups_rpcs_total", "5x60", ',code="Ok"')], False),
    ("WagroupsWahaServerDown", "10m", [series("wagroups_waha_server_up", "0x30", ',server="a"')], True),
    ("WagroupsWahaServerDown", "10m", [series("wagroups_waha_server_up", "1x30", ',server="a"')], False),
    # A stream that was never open has no series.
    ("WagroupsWahaStreamClosed", "15m", [series("wagroups_waha_server_up", "1x60", ',server="a"')], True),
    ("WagroupsWahaStreamClosed", "15m", [series("wagroups_waha_server_up", "1x60", ',server="a"'),
                                         series("wagroups_waha_stream_open", "1x60", ',server="a"')], False),
    ("WagroupsWahaStreamClosed", "15m", [series("wagroups_waha_server_up", "1x60", ',server="a"'),
                                         series("wagroups_waha_stream_open", "0x60", ',server="a"')], True),
    ("WagroupsWatchersNearLimit", "10m", [series("wagroups_watchers", "18000x30")], False),
    ("WagroupsWatchersNearLimit", "10m", [series("wagroups_watchers", "18001x30")], True),
    ("WagroupsDeliveriesBehind", "60m", [series("wagroups_delivery_behind_seconds", "3600x150")], False),
    ("WagroupsDeliveriesBehind", "60m", [series("wagroups_delivery_behind_seconds", "3601+30x150")], True),
    # A replay: old at first, and soon through.
    *[("WagroupsDeliveriesBehind", f"{minute}m", [series("wagroups_delivery_behind_seconds", "0x10 600000x25 0x150")], False)
      for minute in range(5, 20)],
    ("WagroupsWebhookPaused", "10m", [series("wagroups_webhook_subscriptions", "2x60", ',state="paused_by_failure"')], True),
    ("WagroupsWebhookPaused", "10m", [series("wagroups_webhook_subscriptions", "0x60", ',state="paused_by_failure"'),
                                      series("wagroups_webhook_subscriptions", "2x60", ',state="paused"'),
                                      series("wagroups_webhook_subscriptions", "2x60", ',state="failing"')], False),
    ("WagroupsCertificateExpires", "20m", [series("wagroups_tls_certificate_expiry_timestamp_seconds", "606001x90", ',listener="grpc"')], False),
    ("WagroupsCertificateExpires", "40m", [series("wagroups_tls_certificate_expiry_timestamp_seconds", "604801x90", ',listener="rest"'),
                                           series("wagroups_tls_certificate_expiry_timestamp_seconds", "9000000x90", ',listener="grpc"')], True),
    ("WagroupsWebhookExpired", "10m", [series("wagroups_webhook_subscriptions", "1x60", ',state="expired"')], True),
    ("WagroupsWebhookExpired", "10m", [series("wagroups_webhook_subscriptions", "0x60", ',state="expired"'),
                                       series("wagroups_webhook_subscriptions", "1x60", ',state="paused_by_failure"')], False),
]  # fmt: skip

ACTS = series("wagroups_cluster_owner", "1x300")
# Another pod, which acted once and keeps what it knew then.
FOLLOWS = series("wagroups_cluster_owner", "0x300", pod="q")

# The same with several pods.
CASES_OF_REPLICAS: List[Tuple[str, str, List[Series], bool]] = [
    # What those say that do not act counts for nothing, in either direction.
    ("WagroupsCommitsFail", "20m", [series("wagroups_commits_work", "1x10 0x60"),
                                    series("wagroups_commits_work", "1x70", pod="q")], True),
    ("WagroupsCommitsFail", "20m", [series("wagroups_commits_work", "1x70"),
                                    series("wagroups_commits_work", "0x70", pod="q")], False),
    ("WagroupsWahaServerDown", "10m", [series("wagroups_waha_server_up", "0x30", ',server="a"'),
                                       series("wagroups_waha_server_up", "1x30", ',server="a"', pod="q")], True),
    ("WagroupsWahaServerDown", "10m", [series("wagroups_waha_server_up", "1x30", ',server="a"'),
                                       series("wagroups_waha_server_up", "0x30", ',server="a"', pod="q")], False),
    ("WagroupsWahaStreamClosed", "15m", [series("wagroups_waha_server_up", "1x60", ',server="a"'),
                                         series("wagroups_waha_stream_open", "1x60", ',server="a"', pod="q")], True),
    ("WagroupsWahaStreamClosed", "15m", [series("wagroups_waha_server_up", "1x60", ',server="a"', pod="q")], False),
    ("WagroupsWebhookPaused", "10m", [series("wagroups_webhook_subscriptions", "2x60", ',state="paused_by_failure"', pod="q")], False),
    ("WagroupsWebhookExpired", "10m", [series("wagroups_webhook_subscriptions", "2x60", ',state="expired"', pod="q")], False),
    ("WagroupsDeliveriesBehind", "60m", [series("wagroups_delivery_behind_seconds", "9000x150", pod="q")], False),
    ("WagroupsDown", "10m", [series("up", "0x60"), series("up", "1x60", pod="q")], False),
    # Two rolling updates of three pods in a row would be 18; one is not looked at, and neither is a single loss.
    ("WagroupsOwnerFlaps", "20m", [series("wagroups_cluster_role_changes_total", "1x20 2x60"),
                                   series("wagroups_cluster_role_changes_total", "1x20 2x60", pod="q")], False),
    ("WagroupsOwnerFlaps", "20m", [series("wagroups_cluster_role_changes_total", "_x10 3x60", pod=pod) for pod in "pqr"], False),
    ("WagroupsOwnerFlaps", "20m", [series("wagroups_cluster_role_changes_total", "0+1x80"),
                                   series("wagroups_cluster_role_changes_total", "0+1x80", pod="q")], True),
    ("WagroupsReplicaCutOff", "10m", [series("wagroups_cluster_heartbeat_age_seconds", "1x60"),
                                      series("wagroups_cluster_heartbeat_age_seconds", "5+30x60", pod="q")], True),
    ("WagroupsReplicaCutOff", "10m", [series("wagroups_cluster_heartbeat_age_seconds", "1x60")], False),
    # The way to the database was cut for a minute.
    *[("WagroupsReplicaCutOff", f"{minute}m", [series("wagroups_cluster_heartbeat_age_seconds", "1x10 30 60 1x60")], False)
      for minute in range(5, 12)],
    ("WagroupsHandOnFails", "20m", [series("wagroups_handed_on_total", "0+1x60", ',surface="grpc",outcome="no_owner"')], True),
    ("WagroupsHandOnFails", "20m", [series("wagroups_handed_on_total", "0+9x60", ',surface="grpc",outcome="answered"')], False),
    # One takeover has callers of a few seconds; that is remembered for five minutes, and wakes nobody.
    *[("WagroupsHandOnFails", f"{minute}m", [series("wagroups_handed_on_total", "_x10 4x60", ',surface="rest",outcome="no_owner"')], False)
      for minute in range(5, 15)],
    ("WagroupsReplicaBehind", "10m", [series("wagroups_log_lag_events", "3x30"), series("wagroups_log_lag_events", "1001x30", pod="q")], True),
    ("WagroupsReplicaBehind", "10m", [series("wagroups_log_lag_events", "1000x30"), series("wagroups_log_lag_events", "0x30", pod="q")], False),
    *[("WagroupsReplicaBehind", f"{minute}m", [series("wagroups_log_lag_events", "0x10 90000x6 0x60")], False)
      for minute in range(5, 12)],
]  # fmt: skip

CASES_OF_OWNERS: List[Tuple[str, str, List[Series], bool]] = [
    ("WagroupsNoOwner", "10m", [ACTS, FOLLOWS], False),
    ("WagroupsNoOwner", "10m", [FOLLOWS], True),
    ("WagroupsNoOwner", "10m", [series("wagroups_cluster_owner", "1x10 0x60"), FOLLOWS], True),
    # A takeover: nobody for half a minute, as Prometheus sees it.
    *[("WagroupsNoOwner", f"{minute}m", [series("wagroups_cluster_owner", "1x10 0x60"),
                                         series("wagroups_cluster_owner", "0x11 1x60", pod="q")], False)
      for minute in range(5, 10)],
]  # fmt: skip


def of_replicas() -> List[Tuple[str, str, List[Series], bool]]:
    """All cases of one process hold for the pod that acts, too."""
    both = [(name, when, [*made_up, ACTS, FOLLOWS], comes) for name, when, made_up, comes in CASES + CASES_OF_REPLICAS]
    return both + CASES_OF_OWNERS


CASES_BY_SCENARIO = {"postgres": CASES, "ha": of_replicas()}


@pytest.fixture(scope="module", params=sorted(CASES_BY_SCENARIO))
def scenario_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def rules(scenario_name: str) -> Dict[str, Any]:
    return the(render(scenario(scenario_name), "--set", "prometheusRule.enabled=true,tls.existingSecret=tls"), "PrometheusRule")["spec"]


def test_promtool_takes_the_rules(rules: Dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    checked = subprocess.run(
        ["promtool", "check", "rules", "rules.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_come_when_they_should(scenario_name: str, rules: Dict[str, Any], tmp_path: Path) -> None:
    tests = []
    for name, when, made_up, comes in CASES_BY_SCENARIO[scenario_name]:
        # Whose it is stands in its labels, whatever its expression has lost.
        expression = f'count(ALERTS{{alertname="{name}",alertstate="firing",{OF}}})'
        wanted = [{"value": 1}] if comes else []
        asked = {"expr": expression, "eval_time": when, "exp_samples": wanted}
        tests.append({"interval": "30s", "input_series": made_up, "promql_expr_test": [asked]})
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    plan = {"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": tests}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(plan))
    tested = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
