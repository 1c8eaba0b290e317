"""That wrong values are refused, with a message that says what is wrong and what would be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from rendering import scenario, template

KEY = {"name": "a", "sha256": "0" * 64, "sessions": ["*"]}
HASH = "0" * 64

# What is set on top of the scenario postgres, and what the message must hold.
REFUSED: List[Tuple[str, Dict[str, Any], List[str]]] = [
    # By the schema: the place, and what was expected.
    ("a value that does not exist", {"replicas": 3}, ["additional properties 'replicas' not allowed"]),
    ("a misspelt value", {"grpc": {"prot": 1}}, ["'/grpc'", "'prot' not allowed"]),
    ("a setting that does not exist", {"settings": {"events": {"retenton": "1h"}}},
     ["'/settings/events'", "'retenton' not allowed"]),
    ("a setting that the chart decides", {"settings": {"grpc": {"listen": "0.0.0.0:1"}}},
     ["'/settings/grpc'", "'listen' not allowed"]),
    ("a section of settings by its old name", {"settings": {"webhook": {"body_timeout": "5s"}}},
     ["'/settings/webhook'", "value must be 'named settings.waha_ingress since 0.2'"]),
    ("a second pod that does not know of the first", {"replicaCount": 2},
     ["'/replicaCount'", "value must be '1 without cluster.enabled=true, on PostgreSQL: each start takes the database"]),
    ("several pods on a file", {"database": {"type": "sqlite", "existingSecret": ""}, "cluster": {"enabled": True}},
     ["'/cluster/enabled'", "value must be 'false with database.type=sqlite: a file has one process"]),
    ("a budget that is neither", {"podDisruptionBudget": {"enabled": "yes"}}, ["'/podDisruptionBudget/enabled'"]),
    ("a span of time without a unit", {"settings": {"events": {"retention": "7"}}}, ["'/settings/events/retention'"]),
    ("a grace that cannot be compared", {"settings": {"shutdown": {"grace": "1m"}}},
     ["'/settings/shutdown/grace'", "^[0-9]+s$"]),
    ("a number as a text", {"settings": {"sessions": {"max": "many"}}},
     ["'/settings/sessions/max'", "got string, want integer"]),
    ("another database", {"database": {"type": "mysql"}}, ["'/database/type'", "'postgres', 'sqlite'"]),
    ("a URL of another database", {"database": {"url": "mysql://a"}}, ["'/database/url'"]),
    ("a key in place of its hash", {"auth": {"existingSecret": "", "keys": [{**KEY, "sha256": "wag_abc"}]}},
     ["'/auth/keys/0/sha256'", "[0-9a-fA-F]{64}"]),
    ("a key that sees nothing", {"auth": {"existingSecret": "", "keys": [{**KEY, "sessions": []}]}},
     ["'/auth/keys/0/sessions'", "minItems"]),
    ("a port that needs rights", {"grpc": {"port": 443}}, ["'/grpc/port'", "minimum: got 443, want 1,024"]),
    ("metrics for the world", {"ops": {"service": {"type": "LoadBalancer"}}},
     ["'/ops/service/type'", "value must be 'ClusterIP'"]),
    ("an Ingress for metrics", {"ops": {"ingress": {"enabled": True}}}, ["'/ops'", "'ingress' not allowed"]),
    ("rights", {"securityContext": {"allowPrivilegeEscalation": True}},
     ["'/securityContext/allowPrivilegeEscalation'", "value must be false"]),
    ("a capability", {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}},
     ["'/securityContext/capabilities/add'"]),
    ("root", {"podSecurityContext": {"runAsUser": 0}}, ["'/podSecurityContext/runAsUser'", "minimum"]),
    ("a tag in the repository", {"image": {"repository": "a/b:1"}}, ["'/image/repository'"]),
    ("a percentile above the last bucket", {"prometheusRule": {"thresholds": {"commitSeconds": 90}}},
     ["'/prometheusRule/thresholds/commitSeconds'"]),
    ("receivers on every port", {"networkPolicy": {"egress": {"webhookPorts": []}}},
     ["'/networkPolicy/egress/webhookPorts'", "minItems"]),
    ("names asked for on every port", {"networkPolicy": {"egress": {"dnsPorts": []}}},
     ["'/networkPolicy/egress/dnsPorts'", "minItems"]),
    ("names asked for on a port that cannot be", {"networkPolicy": {"egress": {"dnsPorts": [53, 65536]}}},
     ["'/networkPolicy/egress/dnsPorts/1'", "maximum: got 65,536, want 65,535"]),
    ("names asked for on a port by name", {"networkPolicy": {"egress": {"dnsPorts": ["dns"]}}},
     ["'/networkPolicy/egress/dnsPorts/0'", "got string, want integer"]),
    # By the templates: what does not go together, and what would.
    ("no database", {"database": {"existingSecret": ""}},
     ["database: where is it?", "kubectl create secret generic", "--from-literal=uri=postgres://"]),
    ("two databases", {"database": {"url": "postgres://a:b@c/d"}}, ["either url or existingSecret"]),
    ("PostgreSQL's URL for SQLite", {"database": {"type": "sqlite"}}, ["type sqlite keeps a file"]),
    ("no keys", {"auth": {"existingSecret": ""}},
     ["auth: who may call?", "wagroups api-key new", "--from-literal=api-keys=NAME:SHA256:*"]),
    ("keys twice", {"auth": {"keys": [KEY]}}, ["either keys or existingSecret"]),
    ("certificates that nobody is asked for",
     {"auth": {"certificates": [{"name": "b", "san": "dns:b", "sessions": ["*"], "role": "reader"}]}},
     ["auth.certificates", "tls.clientAuth"]),
    ("two keys of one name", {"auth": {"existingSecret": "", "keys": [KEY, {**KEY, "sha256": "1" * 64}]}},
     ["the name a stands twice"]),
    ("a WAHA server's key of nowhere", {"waha": {"servers": [{"name": "a", "url": "http://a", "secretKey": "k"}]}},
     ["the key of a is in which Secret?", "waha.existingSecret"]),
    ("a WAHA server's key in its URL", {"waha": {"servers": [{"name": "a", "url": "http://u:p@a"}]}},
     ["'/waha/servers/0/url'"]),
    ("two WAHA servers of one name", {"waha": {"servers": [{"name": "a", "url": "http://a"}] * 2}},
     ["waha.servers: the name a stands twice"]),
    ("clients' certificates without the service's own", {"tls": {"clientAuth": "required"}},
     ["tls: with which certificate?", "tls.existingSecret"]),
    ("TLS of metrics without a certificate", {"ops": {"tls": True}}, ["tls: with which certificate?", "ops.tls"]),
    ("authorities of clients whom nobody asks", {"tls": {"existingSecret": "a", "clientCASecret": "b"}},
     ["tls.clientCASecret: is for clients' certificates", "tls.clientAuth"]),
    ("TLS without a listener that probes could ask", {"tls": {"existingSecret": "a"}, "ops": {"enabled": False}},
     ["tls: Kubernetes' probes speak no gRPC with TLS", "ops.enabled=true"]),
    ("probes that would have to show a certificate",
     {"tls": {"existingSecret": "a", "clientAuth": "required"}, "ops": {"tls": True}},
     ["ops.tls: Kubernetes' probes have no certificate to show"]),
    ("certificates between pods of which there is one", {"cluster": {"tls": {"existingSecret": "a"}}},
     ["cluster.tls: needs cluster.enabled=true"]),
    ("another way of asking clients", {"tls": {"existingSecret": "a", "clientAuth": "maybe"}}, ["'/tls/clientAuth'"]),
    ("two listeners on one port", {"rest": {"enabled": True, "port": 9090}}, ["ops.port: 9090 is rest's already"]),
    ("no time to stop", {"terminationGracePeriodSeconds": 30},
     ["30 is too short for settings.shutdown.grace=25s", "outcome is unknown"]),
    ("more grace than time", {"settings": {"shutdown": {"grace": "60s"}}}, ["40 is too short"]),
    ("a way to a listener that is off", {"webhook": {"ingress": {"enabled": True, "hosts": [{"host": "a"}]}}},
     ["webhook.ingress", "set webhook.enabled=true"]),
    ("an Ingress for nothing", {"grpc": {"ingress": {"enabled": True}}}, ["grpc.ingress.hosts"]),
    ("a route on nothing", {"grpcRoute": {"enabled": True}}, ["grpcRoute.parentRefs"]),
    ("no port of webhooks", {"networkPolicy": {"enabled": True, "egress": {"webhookPorts": None}}},
     ["networkPolicy.egress.webhookPorts: which ports have the URLs of webhooks?", "open every port"]),
    ("no port of DNS", {"networkPolicy": {"enabled": True, "egress": {"dnsPorts": None}}},
     ["networkPolicy.egress.dnsPorts: on which ports does DNS listen?", "on OpenShift [53, 5353]", "open every port"]),
    ("metrics of nothing", {"ops": {"enabled": False}, "serviceMonitor": {"enabled": True}},
     ["serviceMonitor", "set ops.enabled=true"]),
    ("a load balancer without an address", {"grpc": {"service": {"type": "LoadBalancer", "headless": True}}},
     ["headless goes with type ClusterIP only"]),
    ("a fixed port of no node", {"grpc": {"service": {"nodePort": 30000}}}, ["grpc.service.nodePort"]),
    ("sources of no load balancer", {"rest": {"enabled": True, "service": {"loadBalancerSourceRanges": ["1.2.3.0/24"]}}},
     ["rest.service.loadBalancerSourceRanges: goes with type LoadBalancer"]),
    ("a load that nobody shares", {"autoscaling": {"enabled": True}}, ["autoscaling: pods", "Set cluster.enabled=true"]),
    ("fewer at most than at least", {"cluster": {"enabled": True}, "autoscaling": {"enabled": True, "minReplicas": 7}},
     ["maxReplicas=6 is less than minReplicas=7"]),
    ("a load of nothing", {"cluster": {"enabled": True}, "autoscaling": {"enabled": True},
                           "resources": {"requests": {"cpu": None}}}, ["autoscaling", "resources.requests.cpu"]),
    ("a budget that lets nobody go", {"cluster": {"enabled": True}, "replicaCount": 3,
                                      "podDisruptionBudget": {"minAvailable": 3}},
     ["podDisruptionBudget.minAvailable: 3 of 3 pods would hold up every drain"]),
    ("addresses of either family", {"cluster": {"enabled": True}, "listenAddress": "[::]"},
     ["cluster.ipFamily: listenAddress=[::] takes both families", "in brackets"]),
    ("addresses that nobody listens on", {"cluster": {"enabled": True, "ipFamily": "IPv6"}},
     ['nothing listens on IPv6 with listenAddress=0.0.0.0; set listenAddress="[::]"']),
    ("a login to no NATS", {"nats": {"existingSecret": "nats", "tokenKey": "token"}}, ["nats: needs nats.url"]),
    ("a login of no Secret", {"nats": {"url": "nats://nats:4222", "tokenKey": "token"}},
     ["nats: what the relay logs in with is in which Secret? Set nats.existingSecret"]),
    ("two logins", {"nats": {"url": "nats://nats:4222", "existingSecret": "nats", "tokenKey": "a", "credentialsKey": "b"}},
     ["nats: either tokenKey or credentialsKey"]),
    ("half a certificate", {"nats": {"url": "nats://nats:4222", "existingSecret": "nats", "certKey": "a"}},
     ["nats: certKey and certPrivateKey go together"]),
    ("a password in a URL", {"nats": {"url": "nats://me:secret@nats:4222"}}, ["'/nats/url'"]),
    ("the port of another listener", {"cluster": {"enabled": True, "port": 50051}}, ["cluster.port: 50051 is grpc's already"]),
    ("no time to stop after the pause before", {"cluster": {"enabled": True, "preStopSeconds": 6}},
     ["40 is too short for settings.shutdown.grace=25s and cluster.preStopSeconds=6"]),
    ("a listener for others by the way", {"extraEnv": [{"name": "WAGROUPS_CLUSTER__LISTEN", "value": "0.0.0.0:1"}]},
     ["extraEnv: WAGROUPS_CLUSTER__LISTEN is set by the chart; use", "cluster"]),
    ("another address of the pod", {"cluster": {"enabled": True}, "extraEnv": [{"name": "POD_IP", "value": "127.0.0.1"}]},
     ["extraEnv: POD_IP is set by the chart"]),
    ("what the chart sets itself", {"extraEnv": [{"name": "WAGROUPS_GRPC__LISTEN", "value": "127.0.0.1:1"}]},
     ["extraEnv: WAGROUPS_GRPC__LISTEN is set by the chart"]),
    ("a variable by its old name", {"extraEnv": [{"name": "WAGROUPS_WEBHOOK__BODY_TIMEOUT", "value": "5s"}]},
     ["extraEnv: WAGROUPS_WEBHOOK__BODY_TIMEOUT has a new name, WAGROUPS_WAHA_INGRESS__BODY_TIMEOUT"]),
]  # fmt: skip


def refusal(values: Dict[str, Any], tmp_path: Path, *arguments: str) -> str:
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values))
    rendered = template("--values", str(scenario("postgres")), "--values", str(file), *arguments)
    assert rendered.returncode != 0, "it was taken"
    return rendered.stderr


@pytest.mark.parametrize(("values", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_it_is_refused(values: Dict[str, Any], words: List[str], tmp_path: Path) -> None:
    message = refusal(values, tmp_path)
    for word in words:
        assert word in message


def test_pods_that_would_end_each_other_are_refused_where_the_schema_is_left_out(tmp_path: Path) -> None:
    message = refusal({"replicaCount": 2}, tmp_path, "--skip-schema-validation")
    assert "2 pods that do not know of each other" in message and "Set cluster.enabled=true" in message
    sqlite = {"database": {"type": "sqlite", "existingSecret": ""}, "cluster": {"enabled": True}}
    message = refusal(sqlite, tmp_path, "--skip-schema-validation")
    assert "cluster: a file has one process" in message and "database.type=postgres" in message


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    message = refusal({"database": {"existingSecret": ""}, "auth": {"existingSecret": ""}}, tmp_path)
    assert "2 of the values cannot be used" in message
    assert "database: where is it?" in message and "auth: who may call?" in message


def test_the_chart_by_itself_says_what_it_needs() -> None:
    rendered = template()
    assert rendered.returncode != 0
    assert "database: where is it?" in rendered.stderr and "auth: who may call?" in rendered.stderr


def test_an_old_cluster_is_refused() -> None:
    rendered = template("--values", str(scenario("postgres")), kube_version="1.26")
    assert rendered.returncode != 0 and "kubeVersion" in rendered.stderr
