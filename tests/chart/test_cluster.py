"""Several pods on one PostgreSQL: what the chart makes of `cluster`, and what it leaves alone without it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from api_server import ApiServer
from pods import container_of, environment_of
from program import run, settings_in_force
from rendering import Object, find, of_kind, render, render_with, scenario, the

SELECTOR = {
    "app.kubernetes.io/name": "wagroups",
    "app.kubernetes.io/instance": "rel",
    "app.kubernetes.io/component": "server",
}
CLUSTER = {"cluster": {"enabled": True}}


def pod_spec(rendered: List[Object]) -> Object:
    return the(rendered, "Deployment")["spec"]["template"]["spec"]


def variables(o: Object) -> Dict[str, Any]:
    return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in container_of(o)["env"]}


def test_the_profile_is_three_pods_of_which_any_may_go() -> None:
    rendered = render(scenario("ha"))
    deployment = the(rendered, "Deployment")["spec"]
    assert deployment["replicas"] == 3
    assert the(rendered, "PodDisruptionBudget")["spec"]["minAvailable"] == 1
    assert "maxUnavailable" not in the(rendered, "PodDisruptionBudget")["spec"]
    assert not of_kind(rendered, "HorizontalPodAutoscaler")
    assert not of_kind(rendered, "Secret"), "its Secret is the user's, so that rendering twice is the same"
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [s["topologyKey"] for s in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert render(scenario("ha")) == rendered


def test_pods_go_apart_by_themselves() -> None:
    by_itself = pod_spec(render(scenario("ha"), "--set", "topologySpreadConstraints=null"))["topologySpreadConstraints"]
    assert by_itself == pod_spec(render(scenario("ha")))["topologySpreadConstraints"], "the profile shows the default"
    for constraint in by_itself:
        # A cluster of one node or zone runs all of them.
        assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
        assert constraint["labelSelector"] == {"matchLabels": SELECTOR}
        # Else the new pods of an update would keep away from the old ones, and end side by side.
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]


@pytest.mark.parametrize("values", [{}, CLUSTER])
def test_one_pod_is_not_spread_and_has_no_budget(values: Dict[str, Any], tmp_path: Path) -> None:
    rendered = render_with(values, tmp_path)
    assert "topologySpreadConstraints" not in pod_spec(rendered)
    assert not of_kind(rendered, "PodDisruptionBudget")


@pytest.mark.parametrize(
    ("values", "budget"),
    [
        ({**CLUSTER, "replicaCount": 2}, {"minAvailable": 1}),
        ({**CLUSTER, "replicaCount": 2, "podDisruptionBudget": {"enabled": False}}, None),
        ({**CLUSTER, "replicaCount": 5, "podDisruptionBudget": {"minAvailable": 4}}, {"minAvailable": 4}),
        ({**CLUSTER, "autoscaling": {"enabled": True}}, {"minAvailable": 1}),
        # One pod is never one that may go and one that stays.
        ({**CLUSTER, "autoscaling": {"enabled": True, "minReplicas": 1}}, None),
        ({**CLUSTER, "podDisruptionBudget": {"enabled": True}}, {"maxUnavailable": 0}),
        ({"podDisruptionBudget": {"enabled": True, "maxUnavailable": 1}}, {"maxUnavailable": 1}),
        ({**CLUSTER, "replicaCount": 0}, None),
    ],
)
def test_a_budget_lets_drains_pass_and_leaves_one(
    values: Dict[str, Any], budget: Optional[Dict[str, int]], tmp_path: Path
) -> None:
    found = of_kind(render_with(values, tmp_path), "PodDisruptionBudget")
    if budget is None:
        assert not found
        return
    [spec] = [o["spec"] for o in found]
    assert {k: v for k, v in spec.items() if k in ("minAvailable", "maxUnavailable")} == budget


def test_pods_tell_each_other_where_they_are() -> None:
    rendered = render(scenario("ha"))
    for kind in ("Deployment", "Job"):
        o = the(rendered, kind)
        assert {k: v for k, v in variables(o).items() if "CLUSTER" in k or k == "POD_IP"} == {
            "POD_IP": {"fieldRef": {"fieldPath": "status.podIP"}},
            "WAGROUPS_CLUSTER__LISTEN": "0.0.0.0:50052",
            "WAGROUPS_CLUSTER__ADDRESS": "$(POD_IP):50052",
            "WAGROUPS_CLUSTER__SECRET_FILE": "/etc/wagroups-cluster/secret",
        }
        names = list(variables(o))
        # Kubernetes leaves a reference to what comes later as it is.
        assert names.index("POD_IP") < names.index("WAGROUPS_CLUSTER__ADDRESS")
    ports = {port["name"]: port["containerPort"] for port in container_of(the(rendered, "Deployment"))["ports"]}
    assert ports["cluster"] == 50052


def test_an_address_of_ipv6_is_in_brackets_and_the_program_refuses_one_that_is_not(tmp_path: Path) -> None:
    six = {"listenAddress": "[::]", "cluster": {"enabled": True, "ipFamily": "IPv6"}}
    rendered = render_with(six, tmp_path)
    environment = environment_of(the(rendered, "Deployment"), rendered, tmp_path)
    settings = settings_in_force(environment)
    assert settings["cluster.address"]["value"] == "[::1]:50052"
    assert settings["cluster.listen"]["value"] == "[::]:50052"
    # What would come of the wrong family in the values: the migration's hook ends with this, before anything is touched.
    refused = run(["migrate"], {**environment, "WAGROUPS_CLUSTER__ADDRESS": "fd00::7:50052"})
    assert refused.returncode == 2 and "cluster.address" in refused.stderr and "must be host:port" in refused.stderr
    # Two stacks, the first of which is IPv4.
    both = {"listenAddress": "[::]", "cluster": {"enabled": True, "ipFamily": "IPv4"}}
    assert variables(the(render_with(both, tmp_path), "Deployment"))["WAGROUPS_CLUSTER__ADDRESS"] == "$(POD_IP):50052"


def test_the_service_of_pods_leads_to_all_of_them_and_opens_nothing() -> None:
    spec = find(render(scenario("ha")), "Service", "rel-wagroups-cluster")["spec"]
    assert (spec["type"], spec["clusterIP"]) == ("ClusterIP", "None")
    assert spec["publishNotReadyAddresses"] is True
    assert spec["selector"] == SELECTOR
    [port] = spec["ports"]
    assert (port["name"], port["port"], port["targetPort"]) == ("cluster", 50052, "cluster")
    rendered = render(scenario("everything"))
    for service in of_kind(rendered, "Service"):
        if service["metadata"]["name"] != "groups-cluster":
            assert not service["spec"].get("publishNotReadyAddresses")
            assert "cluster" not in [port["name"] for port in service["spec"]["ports"]]


def test_a_policy_lets_pods_of_the_release_to_each_other_and_nobody_else() -> None:
    policy = find(render(scenario("everything"), "--set", "fullnameOverride="), "NetworkPolicy", "rel-wagroups")["spec"]
    [way_in] = [rule for rule in policy["ingress"] if rule["ports"][0]["port"] == "cluster"]
    assert way_in == {
        "from": [{"podSelector": {"matchLabels": SELECTOR}}],
        "ports": [{"port": "cluster", "protocol": "TCP"}],
    }
    # A policy that lets nothing out but what it names has to name this too; by number, which every plugin knows.
    [way_out] = [rule for rule in policy["egress"] if rule.get("to") == way_in["from"]]
    assert way_out["ports"] == [{"port": 50055, "protocol": "TCP"}]


def secret_of(rendered: List[Object], name: str) -> str:
    return base64.b64decode(find(rendered, "Secret", name)["data"]["cluster-secret"]).decode()


def test_the_secret_is_a_file_and_the_charts_own_is_made_at_random() -> None:
    rendered, again = render(scenario("keys")), render(scenario("keys"))
    made = secret_of(rendered, "rel-wagroups")
    assert re.fullmatch("[A-Za-z0-9]{48}", made), "the program wants 16 at least"
    assert secret_of(rendered, "rel-wagroups-migrate") == made, "one for all templates"
    assert secret_of(again, "rel-wagroups") != made
    for kind, name in (("Deployment", "rel-wagroups"), ("Job", "rel-wagroups-migrate")):
        spec = the(rendered, kind)["spec"]["template"]["spec"]
        [volume] = [v for v in spec["volumes"] if v["name"] == "cluster-secret"]
        assert volume["secret"] == {"secretName": name, "items": [{"key": "cluster-secret", "path": "secret"}]}
    # Another secret needs other pods: it is read at the start.
    checksum = "checksum/secret"
    templates = [the(r, "Deployment")["spec"]["template"]["metadata"]["annotations"] for r in (rendered, again)]
    assert templates[0][checksum] != templates[1][checksum]


def test_an_upgrade_keeps_the_secret_that_is_there() -> None:
    held = {"rel-wagroups": {"cluster-secret": "of-the-first-installation", "database-url": "postgres://old"}}
    with ApiServer(held) as server:
        rendered = render(scenario("keys"), *server.arguments)
    assert "/api/v1/namespaces/groups-test/secrets/rel-wagroups" in server.asked
    assert secret_of(rendered, "rel-wagroups") == secret_of(rendered, "rel-wagroups-migrate") == "of-the-first-installation"
    # And nothing else of it: that comes from the values.
    data = find(rendered, "Secret", "rel-wagroups")["data"]
    assert b"db.example" in base64.b64decode(data["database-url"])


@pytest.mark.parametrize("held", [{}, {"rel-wagroups": {"database-url": "postgres://old"}}])
def test_where_there_is_none_yet_it_is_made(held: Dict[str, Dict[str, str]]) -> None:
    with ApiServer(held) as server:
        assert len(secret_of(render(scenario("keys"), *server.arguments), "rel-wagroups")) == 48


def test_the_users_secret_is_named_and_none_is_made() -> None:
    rendered = render(scenario("everything"))
    assert not of_kind(rendered, "Secret")
    [volume] = [v for v in pod_spec(rendered)["volumes"] if v["name"] == "cluster-secret"]
    assert volume["secret"] == {"secretName": "wagroups-cluster", "items": [{"key": "peers", "path": "secret"}]}


def test_an_autoscaler_has_the_count() -> None:
    rendered = render(scenario("everything"))
    assert "replicas" not in the(rendered, "Deployment")["spec"], "each upgrade would set it back"
    spec = the(rendered, "HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "groups"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 12)
    [metric] = spec["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
    assert spec["behavior"] == {"scaleDown": {"stabilizationWindowSeconds": 600}}
    # Kubernetes leaves what was switched off alone.
    off = render(scenario("everything"), "--set", "replicaCount=0")
    assert the(off, "Deployment")["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("values", "version", "seconds"),
    [
        ({}, "1.31", None),
        (CLUSTER, "1.31", 5),
        (CLUSTER, "1.30", 5),
        # It does not know how to wait without a program in the image.
        (CLUSTER, "1.29", None),
        ({"cluster": {"enabled": True, "preStopSeconds": 0}}, "1.31", None),
    ],
)
def test_a_pod_serves_on_until_it_is_forgotten(
    values: Dict[str, Any], version: str, seconds: Optional[int], tmp_path: Path
) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))
    container = container_of(the(render(scenario("postgres"), "--values", str(file), kube_version=version), "Deployment"))
    wanted = None if seconds is None else {"preStop": {"sleep": {"seconds": seconds}}}
    assert container.get("lifecycle") == wanted


def test_without_it_nothing_of_it_is_there() -> None:
    words = r"(?i)\bcluster-|cluster_|'cluster'|POD_IP|preStop|publishNotReady|of_?owner|matchLabelKeys"
    for name in ("postgres", "sqlite", "ingress", "policy"):
        rendered = render(scenario(name), "--set", "prometheusRule.enabled=true")
        assert not re.findall(words, str(rendered)), name
    assert len(set(re.findall(words, str(render(scenario("ha"), "--set", "prometheusRule.enabled=true"))))) >= 6
