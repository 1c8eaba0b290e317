"""That what is rendered is what Kubernetes takes, old and new."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import jsonschema
import kubernetes_validate
import pytest

from custom_resources import SCHEMAS
from rendering import CHART, SCENARIOS, Object, helm, of_kind, render, render_with, title

OLDEST = "1.31"
NEWEST = kubernetes_validate.latest_version()


def test_helm_finds_nothing_to_complain_of(scenario_file: Path) -> None:
    linted = helm("lint", "--strict", str(CHART), "--values", str(scenario_file), "--kube-version", OLDEST)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "[WARNING]" not in linted.stdout + linted.stderr


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_valid(scenario_file: Path, version: str) -> None:
    for o in render(scenario_file, kube_version=version):
        schema = SCHEMAS.get(o["kind"])
        if schema:
            jsonschema.validate(o, schema)
        else:
            # Strict: a field that Kubernetes does not know is a mistake, though the cluster would drop it silently.
            kubernetes_validate.validate(o, version, strict=True)


def test_a_mistake_would_be_found(rendered: List[Object]) -> None:
    for o in rendered:
        wrong = {**o, "spec": {**o.get("spec", {}), "replica": 1}}
        with pytest.raises(jsonschema.ValidationError):
            if o["kind"] in SCHEMAS:
                jsonschema.validate(wrong, SCHEMAS[o["kind"]])
            else:
                kubernetes_validate.validate(wrong, OLDEST, strict=True)


def test_the_scenarios_have_rendered_everything() -> None:
    """Else the tests of this folder would have missed a template."""
    kinds = {o["kind"] for file in SCENARIOS for o in render(file)}
    assert kinds == {
        "ConfigMap", "Deployment", "GRPCRoute", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy", "PersistentVolumeClaim", "Pod",
        "PodDisruptionBudget", "PrometheusRule", "Secret", "Service", "ServiceAccount", "ServiceMonitor",
    }  # fmt: skip


def test_no_two_objects_have_one_name(rendered: List[Object]) -> None:
    titles = [title(o) for o in rendered]
    assert sorted(titles) == sorted(set(titles))


def test_a_name_however_long_is_one(tmp_path: Path) -> None:
    rendered = render_with({"fullnameOverride": "a" * 49 + "-b" + "c" * 100, "rest": {"enabled": True}}, tmp_path)
    for o in rendered:
        assert len(o["metadata"]["name"]) <= 63, title(o)
        assert not o["metadata"]["name"].endswith("-")
        for value in o["metadata"]["labels"].values():
            assert len(value) <= 63


def test_two_releases_share_a_namespace() -> None:
    file = CHART / "ci/everything-values.yaml"
    one = {title(o) for o in render(file, "--set", "fullnameOverride=", release="one")}
    two = {title(o) for o in render(file, "--set", "fullnameOverride=", release="two")}
    assert not one & two


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        ({}, [("grpc", "ClusterIP", None)]),
        ({"grpc": {"service": {"headless": True}}}, [("grpc", "ClusterIP", "None")]),
        ({"rest": {"enabled": True}}, [("grpc", "ClusterIP", None), ("rest", "ClusterIP", None)]),
        ({"cluster": {"enabled": True}}, [("cluster", "ClusterIP", "None"), ("grpc", "ClusterIP", None)]),
        ({"ops": {"enabled": False}, "webhook": {"enabled": True, "service": {"type": "LoadBalancer"}}},
         [("grpc", "ClusterIP", None), ("webhook", "LoadBalancer", None)]),
    ],
)  # fmt: skip
def test_each_listener_has_a_service_of_its_own(values: Dict[str, Any], paths: List[Any], tmp_path: Path) -> None:
    rendered = render_with(values, tmp_path)
    found = []
    for service in of_kind(rendered, "Service"):
        [port] = service["spec"]["ports"]
        if port["name"] != "ops":
            found.append((port["name"], service["spec"]["type"], service["spec"].get("clusterIP")))
    assert sorted(found) == sorted(paths)
    [container] = of_kind(rendered, "Deployment")[0]["spec"]["template"]["spec"]["containers"]
    has_ops = values.get("ops", {}).get("enabled", True)
    assert sorted(p["name"] for p in container["ports"]) == sorted([p[0] for p in paths] + ["ops"] * has_ops)
