"""TLS: the Secrets become files, the program takes them, and probes, Services and checks go by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from pods import container_of, environment_of
from program import settings_in_force
from rendering import Object, find, of_kind, render_with, the

SECRET = {"tls": {"existingSecret": "groups-tls"}}
PAIR = [{"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}]
CA = {"key": "ca.crt", "path": "ca.crt"}


def pod(rendered: List[Object], kind: str) -> Object:
    return the(rendered, kind)["spec"]["template"]["spec"]


def files(rendered: List[Object], kind: str) -> Dict[str, Any]:
    """Where a Secret is mounted, with its items."""
    mounts = {mount["name"]: mount for mount in container_of(the(rendered, kind))["volumeMounts"]}
    found = {}
    for volume in pod(rendered, kind)["volumes"]:
        if "secret" in volume:
            assert "subPath" not in mounts[volume["name"]], "a file that is mounted alone is never renewed"
            found[mounts[volume["name"]]["mountPath"]] = (volume["secret"]["secretName"], volume["secret"]["items"])
    return found


def tls_of(rendered: List[Object], folder: Path, kind: str = "Deployment") -> Dict[str, Any]:
    settings = settings_in_force(environment_of(the(rendered, kind), rendered, folder))
    sections = ("tls.", "ops.tls", "cluster.cert_file", "cluster.key_file", "cluster.ca_file", "cluster.server_name")
    return {path: setting["value"] for path, setting in settings.items() if path.startswith(sections)}


def test_without_a_secret_nothing_is_said_of_it(tmp_path: Path) -> None:
    rendered = render_with({}, tmp_path)
    assert not files(rendered, "Deployment")
    names = [variable["name"] for variable in container_of(the(rendered, "Deployment"))["env"]]
    assert not [name for name in names if "TLS" in name or name.startswith("WAGROUPS_CLUSTER")]


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_a_secret_of_cert_manager_is_what_the_listeners_show(kind: str, tmp_path: Path) -> None:
    rendered = render_with(SECRET, tmp_path)
    assert files(rendered, kind) == {"/etc/wagroups-tls": ("groups-tls", PAIR)}
    assert tls_of(rendered, tmp_path, kind) == {
        "tls.cert_file": "/etc/wagroups-tls/tls.crt",
        "tls.key_file": "/etc/wagroups-tls/tls.key",
        "tls.client_auth": "none",
        "tls.client_ca_file": "none",
        "ops.tls": False,
        "cluster.cert_file": "none",
        "cluster.key_file": "none",
        "cluster.ca_file": "none",
        "cluster.server_name": "wagroups",
    }


@pytest.mark.parametrize(("own", "of"), [({}, "groups-tls"), ({"clientCASecret": "clients"}, "clients")])
def test_authorities_of_clients_are_in_the_same_secret_or_in_another_one(
    own: Dict[str, str], of: str, tmp_path: Path
) -> None:
    rendered = render_with({"tls": {**SECRET["tls"], "clientAuth": "required", **own}}, tmp_path)
    assert files(rendered, "Deployment")["/etc/wagroups-client-ca"] == (of, [CA])
    tls = tls_of(rendered, tmp_path)
    assert (tls["tls.client_auth"], tls["tls.client_ca_file"]) == ("required", "/etc/wagroups-client-ca/ca.crt")
    # The chart has a certificate to show only where the authority of its own is one of them.
    tests = [o for o in of_kind(rendered, "Pod") if "test" in o["metadata"]["name"]]
    assert len(tests) == (0 if own else 1)


def test_pods_show_each_other_certificates(tmp_path: Path) -> None:
    values = {"cluster": {"enabled": True, "tls": {"existingSecret": "peers", "serverName": "peers.example"}}}
    rendered = render_with(values, tmp_path)
    assert files(rendered, "Deployment")["/etc/wagroups-cluster-tls"] == ("peers", [*PAIR, CA])
    tls = tls_of(rendered, tmp_path)
    assert tls["tls.cert_file"] == "none"
    assert tls["cluster.cert_file"] == "/etc/wagroups-cluster-tls/tls.crt"
    assert tls["cluster.key_file"] == "/etc/wagroups-cluster-tls/tls.key"
    assert tls["cluster.ca_file"] == "/etc/wagroups-cluster-tls/ca.crt"
    assert tls["cluster.server_name"] == "peers.example"
    protocols = {o["metadata"]["name"]: o["spec"]["ports"][0]["appProtocol"] for o in of_kind(rendered, "Service")}
    assert protocols["rel-wagroups-cluster"] == "https" and protocols["rel-wagroups"] == "kubernetes.io/h2c"


def test_probes_ask_by_http_which_kubelets_speak_with_tls_too(tmp_path: Path) -> None:
    for of_ops, scheme in ((False, {}), (True, {"scheme": "HTTPS"})):
        rendered = render_with({**SECRET, "ops": {"tls": of_ops}}, tmp_path)
        container = container_of(the(rendered, "Deployment"))
        for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
            assert "grpc" not in container[probe]
            assert container[probe]["httpGet"] == {"path": path, "port": "ops", **scheme}
        assert tls_of(rendered, tmp_path)["ops.tls"] is of_ops


def test_services_say_what_is_spoken_unless_somebody_else_does(tmp_path: Path) -> None:
    values = {**SECRET, "rest": {"enabled": True, "service": {"appProtocol": "tcp"}}, "webhook": {"enabled": True}}
    rendered = render_with(values, tmp_path)
    protocols = {o["metadata"]["name"]: o["spec"]["ports"][0]["appProtocol"] for o in of_kind(rendered, "Service")}
    assert protocols == {
        "rel-wagroups": "https",
        "rel-wagroups-rest": "tcp",
        "rel-wagroups-webhook": "https",
        "rel-wagroups-ops": "http",
    }


def test_checks_know_the_authority_and_the_name(tmp_path: Path) -> None:
    rendered = render_with({**SECRET, "ops": {"tls": True}, "serviceMonitor": {"enabled": True}}, tmp_path)
    arguments = container_of(find(rendered, "Pod", "rel-wagroups-test"))["args"]
    assert "--addr=https://rel-wagroups:50051" in arguments
    assert "--server-name=rel-wagroups.groups-test.svc" in arguments
    assert "--ca-file=/etc/wagroups-tls/ca.crt" in arguments
    [endpoint] = the(rendered, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    ca = {"secret": {"name": "groups-tls", "key": "ca.crt"}}
    assert endpoint["tlsConfig"] == {"serverName": "rel-wagroups.groups-test.svc", "ca": ca}
    public = {"tls": {**SECRET["tls"], "privateCA": False, "serverName": "groups.example"}}
    arguments = container_of(find(render_with(public, tmp_path), "Pod", "rel-wagroups-test"))["args"]
    assert "--server-name=groups.example" in arguments
    assert not [argument for argument in arguments if argument.startswith("--ca-file")]
