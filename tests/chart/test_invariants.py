"""What holds for every object that the chart renders, whatever the values."""

from __future__ import annotations

import base64
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import yaml

from pods import container_of
from rendering import CHART, Object, find, hooks_of, maps_of, of_kind, pod_template, render, render_with, scenario, the, title

OURS = "app.kubernetes.io/"


def pods(rendered: List[Object]) -> List[Tuple[str, Object]]:
    return [(title(o), template) for o in rendered for template in [pod_template(o)] if template]


def test_every_object_says_whose_it_is(rendered: List[Object]) -> None:
    for o in rendered:
        labels = o["metadata"]["labels"]
        assert {"name", "instance", "component", "version", "managed-by", "part-of"} == {
            label[len(OURS) :] for label in labels if label.startswith(OURS)
        }, title(o)
        assert labels["helm.sh/chart"].startswith("wagroups-")
        assert o["metadata"]["namespace"] == "groups-test", title(o)


def test_selectors_find_the_service_and_nothing_else(rendered: List[Object]) -> None:
    components = {name: template["metadata"]["labels"][OURS + "component"] for name, template in pods(rendered)}
    assert sorted(components.values()) == sorted(set(components.values())), components
    deployment = the(rendered, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    # Those of chart and version would make an upgrade impossible: a selector never changes.
    assert set(selector) == {OURS + "name", OURS + "instance", OURS + "component"}
    assert selector.items() <= labels.items()
    for service in of_kind(rendered, "Service"):
        assert service["spec"]["selector"] == selector
    for budget in of_kind(rendered, "PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] == selector
    for monitor in of_kind(rendered, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        found = [s for s in of_kind(rendered, "Service") if wanted.items() <= s["metadata"]["labels"].items()]
        assert [port["name"] for service in found for port in service["spec"]["ports"]] == ["ops"]


def test_users_labels_do_not_reach_selectors(tmp_path: Path) -> None:
    mine = {OURS + "name": "mine", OURS + "component": "mine"}
    rendered = render_with({"commonLabels": mine, "podLabels": mine}, tmp_path)
    deployment = the(rendered, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels[OURS + "component"] == "server"


def test_nothing_runs_with_rights(rendered: List[Object]) -> None:
    """What the profile `restricted` of Kubernetes' Pod Security Standards asks, and a root that is read-only."""
    for name, template in pods(rendered):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            assert not spec.get(key), name
        for container in spec["containers"] + spec.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert not context.get("privileged"), name
        for volume in spec.get("volumes", []):
            assert not {"hostPath", "nfs"} & set(volume), name


def test_nothing_gets_a_token_or_variables_of_other_services(rendered: List[Object]) -> None:
    for name, template in pods(rendered):
        assert template["spec"]["automountServiceAccountToken"] is False, name
        assert template["spec"]["enableServiceLinks"] is False, name
    for account in of_kind(rendered, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    assert not [o for o in rendered if "Role" in o["kind"]]


def test_every_container_says_what_it_needs(rendered: List[Object]) -> None:
    for name, template in pods(rendered):
        for container in template["spec"]["containers"] + template["spec"].get("initContainers", []):
            resources = container["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"]), name
            assert "memory" in resources["limits"], name
            # A limit of processor time is a pause in the middle of calls.
            assert "cpu" not in resources["limits"], name


def test_pods_that_do_not_know_of_each_other_are_one(rendered: List[Object]) -> None:
    deployment = the(rendered, "Deployment")
    names = {variable["name"] for variable in container_of(deployment)["env"]}
    assert not [o for o in rendered if o["kind"] in ("StatefulSet", "DaemonSet")]
    known = {"WAGROUPS_CLUSTER__LISTEN", "WAGROUPS_CLUSTER__ADDRESS", "WAGROUPS_CLUSTER__SECRET_FILE", "POD_IP"}
    if known <= names:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        assert deployment["spec"]["strategy"] == rolling
        return
    assert not known & names
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert not of_kind(rendered, "HorizontalPodAutoscaler")


def test_probes_ask_what_they_should(rendered: List[Object]) -> None:
    [container] = [
        c for c in the(rendered, "Deployment")["spec"]["template"]["spec"]["containers"] if c["name"] == "wagroups"
    ]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    # With TLS: test_tls.py.
    scheme = {"scheme": "HTTPS"} if [e for e in container["env"] if e["name"] == "WAGROUPS_OPS__TLS"] else {}
    for probe in ("startupProbe", "readinessProbe"):
        if scheme:
            assert container[probe]["httpGet"] == {"path": "/readyz", "port": "ops", **scheme}
        else:
            assert container[probe]["grpc"] == {"port": ports["grpc"]}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "ops", **scheme}
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300, "a migration takes its time"


def test_liveness_does_without_ops(tmp_path: Path) -> None:
    rendered = render_with({"ops": {"enabled": False}}, tmp_path)
    [container] = the(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["tcpSocket"] == {"port": "grpc"}
    assert "grpc" not in container["livenessProbe"] and "httpGet" not in container["livenessProbe"]


def test_the_service_is_given_time_to_stop(rendered: List[Object]) -> None:
    toml = [o for o in of_kind(rendered, "ConfigMap") if not hooks_of(o)][0]["data"]["wagroups.toml"]
    grace = int(re.search(r'^grace = "(\d+)s"$', toml, re.MULTILINE)[1])
    spec = the(rendered, "Deployment")["spec"]["template"]["spec"]
    [container] = [container for container in spec["containers"] if container["name"] == "wagroups"]
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    # Five seconds are the connections', after the calls.
    assert spec["terminationGracePeriodSeconds"] >= before + grace + 10


def secret_texts(rendered: List[Object]) -> List[str]:
    texts = ["p%40ss"]
    for secret in of_kind(rendered, "Secret"):
        for value in secret.get("data", {}).values():
            texts += [value, base64.b64decode(value).decode()]
    return texts


def test_secrets_are_in_secrets_alone(rendered: List[Object]) -> None:
    secrets = secret_texts(rendered)
    for o in rendered:
        if o["kind"] == "Secret":
            continue
        text = str(o)
        assert not [secret for secret in secrets if secret in text], title(o)
        for map_ in maps_of(o):
            name = map_.get("name")
            if name in ("WAGROUPS_DATABASE__URL", "WAGROUPS_AUTH__KEYS"):
                value = map_.get("value", "")
                assert "valueFrom" in map_ or value.startswith("sqlite:///"), title(o)
    for config in of_kind(rendered, "ConfigMap"):
        for word in ("[auth]", "postgres:", "password", "sha256", "api_key ="):
            assert word not in config["data"]["wagroups.toml"], title(config)


def test_a_hook_finds_all_that_it_needs(rendered: List[Object]) -> None:
    """Before an installation nothing of the release is there but what other hooks of lesser weight have made."""
    before = [o for o in rendered if "pre-install" in hooks_of(o)]
    weights = {title(o): int(o["metadata"]["annotations"]["helm.sh/hook-weight"]) for o in before}
    made_by_release = {title(o) for o in rendered if not hooks_of(o)}
    for job in of_kind(before, "Job"):
        assert hooks_of(job) == ["pre-install", "pre-upgrade"]
        spec = job["spec"]["template"]["spec"]
        assert spec["restartPolicy"] == "Never"
        assert spec["serviceAccountName"] == "default"
        wanted = []
        for map_ in maps_of(spec):
            if "secretKeyRef" in map_:
                wanted.append(("Secret", map_["secretKeyRef"]["name"]))
            if "configMap" in map_:
                wanted.append(("ConfigMap", map_["configMap"]["name"]))
            if "secret" in map_:
                wanted.append(("Secret", map_["secret"]["secretName"]))
            assert "persistentVolumeClaim" not in map_
        assert wanted
        for kind, name in wanted:
            here = f"{kind}/{name}"
            assert here not in made_by_release, f"{here} is not there yet"
            if name.endswith("-migrate"):
                assert weights[here] < weights[title(job)]


def test_the_migration_is_given_what_the_service_is_given(rendered: List[Object]) -> None:
    jobs = of_kind(rendered, "Job")
    if not jobs:
        assert "sqlite" in str(the(rendered, "Deployment")), "PostgreSQL is migrated before"
        return
    service = the(rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    [migration] = jobs[0]["spec"]["template"]["spec"]["containers"]
    names = [variable["name"] for variable in service["env"]]
    assert [variable["name"] for variable in migration["env"]] == names
    assert migration.get("envFrom") == service.get("envFrom")
    configs = [config["data"] for config in of_kind(rendered, "ConfigMap")]
    assert len(configs) == 2 and configs[0] == configs[1]


def test_what_is_referred_to_is_there(rendered: List[Object]) -> None:
    """Names of our own objects, in whatever refers to them; strangers' are the user's."""
    theirs = {
        "ca", "database-ca", "more", "registry", "wagroups", "wagroups-cluster", "wagroups-database", "wagroups-keys",
        "groups-tls", "groups-peers", "clients-ca", "default", "waha-keys", "nats-login",
    }  # fmt: skip
    there = {title(o) for o in rendered}
    for name, template in pods(rendered):
        wanted = [("ServiceAccount", template["spec"]["serviceAccountName"])]
        for map_ in maps_of(template["spec"]):
            for key, kind in (("secretKeyRef", "Secret"), ("configMap", "ConfigMap"), ("configMapRef", "ConfigMap")):
                if key in map_:
                    wanted.append((kind, map_[key]["name"]))
            if "secret" in map_:
                wanted.append(("Secret", map_["secret"]["secretName"]))
            if "persistentVolumeClaim" in map_:
                wanted.append(("PersistentVolumeClaim", map_["persistentVolumeClaim"]["claimName"]))
        for kind, wanted_name in wanted:
            assert f"{kind}/{wanted_name}" in there or wanted_name in theirs, f"{name}: {kind}/{wanted_name}"
    services = {o["metadata"]["name"]: o for o in of_kind(rendered, "Service")}
    for ingress in of_kind(rendered, "Ingress"):
        for map_ in maps_of(ingress):
            if "service" in map_:
                service = services[map_["service"]["name"]]
                [port] = service["spec"]["ports"]
                assert port["name"] == map_["service"]["port"]["name"]
                assert port["name"] != "ops"
    for route in of_kind(rendered, "GRPCRoute"):
        [backend] = route["spec"]["rules"][0]["backendRefs"]
        [port] = services[backend["name"]]["spec"]["ports"]
        assert (port["name"], port["port"]) == ("grpc", backend["port"])


def test_ops_stays_inside(rendered: List[Object]) -> None:
    for service in of_kind(rendered, "Service"):
        if service["metadata"]["labels"]["wagroups.io/listener"] == "ops":
            assert service["spec"]["type"] == "ClusterIP"


def test_volumes_are_mounted_and_mounts_have_volumes(rendered: List[Object]) -> None:
    for name, template in pods(rendered):
        volumes = [volume["name"] for volume in template["spec"].get("volumes", [])]
        mounts = {mount["name"] for c in template["spec"]["containers"] for mount in c.get("volumeMounts", [])}
        assert len(volumes) == len(set(volumes)), name
        assert set(volumes) == mounts, name


CHANGES: List[Dict[str, Any]] = [
    {"settings": {"events": {"retention": "8days"}}},
    {"database": {"url": "postgres://a:b@c/d", "existingSecret": ""}},
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_read_at_the_start_makes_a_new_pod(change: Dict[str, Any], tmp_path: Path) -> None:
    def template(values: Dict[str, Any]) -> Object:
        return the(render_with(values, tmp_path), "Deployment")["spec"]["template"]

    assert template({}) != template(change)
    # And what is not, does not.
    assert template({}) == template({"serviceMonitor": {"enabled": True}, "migrate": {"backoffLimit": 7}})


def test_a_policy_opens_the_listeners_and_no_other_port() -> None:
    rendered = render(scenario("everything"))
    policies = {o["metadata"]["name"]: o["spec"] for o in of_kind(rendered, "NetworkPolicy")}
    service = policies["groups"]
    assert [rule["ports"][0]["port"] for rule in service["ingress"]] == ["grpc", "rest", "webhook", "ops", "cluster"]
    assert all(rule["from"] for rule in service["ingress"]), "an empty list would let everyone in"
    assert {p["port"] for rule in service["egress"] for p in rule["ports"]} == {53, 6432, 80, 443, 3000, 8443, 3128, 50055, 4222}
    [waha] = [rule for rule in service["egress"] if "namespaceSelector" in str(rule.get("to"))]
    assert [p["port"] for p in waha["ports"]] == [3000, 443, 80]
    # Pictures and our own webhooks get to the internet, and by no means into the cluster.
    to_the_internet = [rule for rule in service["egress"] if "0.0.0.0/0" in str(rule.get("to"))]
    assert [[p["port"] for p in rule["ports"]] for rule in to_the_internet] == [[80, 443], [443, 8443]]
    for rule in to_the_internet:
        assert {peer["ipBlock"]["cidr"] for peer in rule["to"]} == {"0.0.0.0/0", "::/0"}
        closed = [ip_network(block) for peer in rule["to"] for block in peer["ipBlock"]["except"]]
        for address in ("10.96.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "fd00::1", "fe80::1", "::1"):
            assert any(ip_address(address) in block for block in closed), address
    migration = policies["groups-migrate"]
    assert "ingress" not in migration and migration["policyTypes"] == ["Ingress", "Egress"]
    assert {p["port"] for rule in migration["egress"] for p in rule["ports"]} == {53, 6432, 3128}
    assert [rule for rule in service["egress"] if rule.get("to") == [{"ipBlock": {"cidr": "192.0.2.10/32"}}]]


def test_the_migration_is_let_out_where_the_service_is(rendered: List[Object], scenario_file: Path) -> None:
    """It runs first, in the same cluster: what it does not reach, nobody does. And a policy may see the ports of pods."""
    policies = of_kind(rendered, "NetworkPolicy")
    wanted = yaml.safe_load(scenario_file.read_text()).get("networkPolicy", {})
    if not wanted.get("enabled"):
        assert not policies
        return
    components = [o["spec"]["podSelector"]["matchLabels"][OURS + "component"] for o in policies]
    assert sorted(components) == ["migrate", "server"]
    for o in policies:
        rules = o["spec"]["egress"]
        assert all(rule.get("ports") for rule in rules), f"{title(o)}: a rule without ports opens all of them"
        names = [(port, protocol) for port in wanted["egress"].get("dnsPorts", [53]) for protocol in ("UDP", "TCP")]
        assert [[(p["port"], p["protocol"]) for p in rule["ports"]] for rule in rules if "to" not in rule][0] == names
        assert {"port": wanted["egress"]["databasePort"], "protocol": "TCP"} in [p for r in rules for p in r["ports"]]
        assert wanted["egress"]["extra"], "or this would test nothing"
        for extra in wanted["egress"]["extra"]:
            assert rules.count(extra) == 1, title(o)


def test_a_policy_opens_a_wahas_port_in_its_pod_beside_that_of_its_url() -> None:
    policy = find(render(scenario("policy")), "NetworkPolicy", "rel-wagroups")["spec"]
    waha = [rule for rule in policy["egress"] if rule.get("to") == [{"podSelector": {"matchLabels": {"app": "waha"}}}]]
    assert sorted(p["port"] for rule in waha for p in rule["ports"]) == [80, 3000]


def test_a_port_of_dns_that_stands_twice_is_one(tmp_path: Path) -> None:
    rendered = render_with({"networkPolicy": {"enabled": True, "egress": {"dnsPorts": [5353, 53, 5353]}}}, tmp_path)
    for policy in of_kind(rendered, "NetworkPolicy"):
        assert [p["port"] for p in policy["spec"]["egress"][0]["ports"]] == [5353, 5353, 53, 53], title(policy)


@pytest.mark.parametrize("whom, ports", [("pictures", [443, 8443]), ("webhooks", [80, 443])])
def test_a_policy_closes_what_is_not_wanted(whom: str, ports: List[int]) -> None:
    rendered = render(scenario("everything"), "--set", f"networkPolicy.egress.{whom}=false")
    policy = find(rendered, "NetworkPolicy", "groups")
    [rule] = [rule for rule in policy["spec"]["egress"] if "0.0.0.0/0" in str(rule.get("to"))]
    assert [p["port"] for p in rule["ports"]] == ports


def test_the_volume_outlives_the_release() -> None:
    claim = the(render(scenario("sqlite")), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    free = render(scenario("sqlite"), "--set", "persistence.keep=false")
    assert "annotations" not in the(free, "PersistentVolumeClaim")["metadata"]


def test_the_test_asks_health_through_the_service(rendered: List[Object]) -> None:
    pod = the(rendered, "Pod")
    assert hooks_of(pod) == ["test"]
    [container] = pod["spec"]["containers"]
    command, address, *_ = container["args"]
    scheme, service, port = re.fullmatch(r"--addr=(https?)://([a-z-]+):(\d+)", address).groups()
    has_tls = "WAGROUPS_TLS__CERT_FILE" in {e["name"] for e in container_of(the(rendered, "Deployment"))["env"]}
    assert scheme == ("https" if has_tls else "http")
    assert command == "healthcheck"
    found = [s for s in of_kind(rendered, "Service") if s["metadata"]["name"] == service]
    assert [p["port"] for p in found[0]["spec"]["ports"]] == [int(port)]


def test_the_chart_and_the_program_are_one_release() -> None:
    version = re.search(r'^version = "(.*)"$', (CHART.parent / "Cargo.toml").read_text(), re.MULTILINE)[1]
    chart = (CHART / "Chart.yaml").read_text()
    assert f"\nversion: {version}\n" in chart and f"\nappVersion: {version}\n" in chart


def test_it_can_be_switched_off() -> None:
    """As a restore asks for."""
    assert the(render(scenario("postgres"), "--set", "replicaCount=0"), "Deployment")["spec"]["replicas"] == 0


def test_the_platform_may_choose_the_user() -> None:
    """As OpenShift does: it refuses a pod that names another."""
    nulls = [f"podSecurityContext.{name}=null" for name in ("runAsUser", "runAsGroup", "fsGroup")]
    for name, template in pods(render(scenario("postgres"), "--set", ",".join(nulls))):
        assert template["spec"]["securityContext"] == {
            "fsGroupChangePolicy": "OnRootMismatch",
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }, name
