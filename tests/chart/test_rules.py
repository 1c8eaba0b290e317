"""That alerts ask for what the program tells, in a language that Prometheus reads, and that the runbook has them."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Set

import promql_parser
import pytest

from metrics import BUCKETS_END, LABELS, METRICS
from rendering import ROOT, Object, render, scenario, the

SUFFIXES = ("_bucket", "_sum", "_count")
# Prometheus' own, and what the operator adds to a series.
STRANGERS = {"up"}
ADDED = {"namespace", "service", "le"}


def alerts() -> List[Dict[str, Any]]:
    rule = the(render(scenario("everything"), "--set", "prometheusRule.disabled=null"), "PrometheusRule")
    [group] = rule["spec"]["groups"]
    return [alert for alert in group["rules"] if alert["alert"].startswith("Wagroups")]


ALERTS = alerts()
NAMES = [alert["alert"] for alert in ALERTS]


def selectors(node: Any) -> Iterator[Any]:
    """Every selector of a series in an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from selectors(node.lhs)
        yield from selectors(node.rhs)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from selectors(argument)
    elif isinstance(node, (promql_parser.AggregateExpr, promql_parser.ParenExpr, promql_parser.UnaryExpr)):
        yield from selectors(node.expr)


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_asks_for_what_there_is(alert: Dict[str, Any]) -> None:
    found = list(selectors(promql_parser.parse(alert["expr"])))
    assert found
    for selector in found:
        name = selector.name
        matchers = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        assert {"namespace": "groups-test", "service": "groups-ops"}.items() <= matchers.items(), "another release's"
        if name in STRANGERS:
            continue
        kind = METRICS.get(name)
        if kind is None:
            base = next(name[: -len(suffix)] for suffix in SUFFIXES if name.endswith(suffix))
            assert METRICS[base] == "histogram", name
            name = base
        for label, value in matchers.items():
            if label in ADDED:
                continue
            assert label in LABELS[name], f"{name} has no label {label}"
            known = LABELS[name][label]
            for word in value.split("|"):
                assert word in known, f"{name}{{{label}}} is never {word}"


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_says_what_happened_and_where_to_read_on(alert: Dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["labels"]["team"] == "messaging", "prometheusRule.alertLabels"
    annotations = alert["annotations"]
    assert not annotations["summary"].endswith(".") and annotations["description"].endswith(".")
    page, anchor = annotations["runbook"].split("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_percentiles_stay_below_the_last_bucket() -> None:
    """Above it a histogram answers its last bucket, and an alert would never come."""
    for alert in ALERTS:
        quantile = re.fullmatch(r"histogram_quantile\(.*\) > ([0-9.]+)", alert["expr"], re.DOTALL)
        if quantile:
            assert float(quantile[1]) < BUCKETS_END, alert["alert"]


def test_a_counters_first_step_is_seen() -> None:
    """A counter is not there before it first counts, and `increase` does not see it appear."""
    for alert in ALERTS:
        for metric in re.findall(r"increase\((wagroups_\w+)", alert["expr"]):
            assert re.search(rf"or \({metric}\{{[^}}]*}}\s+unless\s+{metric}\{{[^}}]*}}\s+offset", alert["expr"])


def test_limits_of_the_settings_are_in_the_alerts() -> None:
    [watchers] = [alert for alert in ALERTS if alert["alert"] == "WagroupsWatchersNearLimit"]
    assert watchers["expr"].endswith("> 900000"), "nine tenths of the scenario's million"


def test_an_alert_can_be_left_out() -> None:
    def names(*arguments: str) -> Set[str]:
        rule = the(render(scenario("everything"), *arguments), "PrometheusRule")
        return {alert["alert"] for alert in rule["spec"]["groups"][0]["rules"]}

    assert names() == set(NAMES) - {"WagroupsPanics"} | {"Mine"}


def test_the_monitor_looks_where_metrics_are() -> None:
    rendered = render(scenario("everything"))
    monitor = the(rendered, "ServiceMonitor")
    [endpoint] = monitor["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("ops", "/metrics")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    service: Object = [o for o in rendered if o["kind"] == "Service" and o["metadata"]["name"] == "groups-ops"][0]
    assert service["spec"]["ports"][0]["name"] == "ops"
