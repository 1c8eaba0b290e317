"""The service as the chart starts it: with exactly the environment and the settings that were rendered, on a real
PostgreSQL and on a folder, not as root, asked by the command of `helm test`, and used."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple
from urllib.parse import urlsplit, urlunsplit

import pg8000.native
import pytest

from outage import Way
from pods import Secrets, environment_of
from program import BIN, PATIENCE, Service, free_ports, run
from rendering import Object, of_kind, render, scenario, the

POSTGRES = os.environ.get("WAGROUPS_TEST_POSTGRES_URL")
# The image's user; the tests become it where they may.
USER = 65532 if os.geteuid() == 0 else None

KEY = "wag_of-this-test"
SECRETS_KEYS = {"wagroups-keys": {"api-keys": f"operator:{hashlib.sha256(KEY.encode()).hexdigest()}:*"}}


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the service's user may enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="wagroups-chart-", dir="/tmp"))
    if USER is not None:
        os.chown(made, USER, USER)
    yield made
    shutil.rmtree(made)


def new_database() -> str:
    url = urlsplit(POSTGRES)
    name = f"chart_{uuid.uuid4().hex}"
    server = pg8000.native.Connection(
        url.username or "postgres",
        host=url.hostname or "127.0.0.1",
        port=url.port or 5432,
        password=url.password,
        database=url.path.lstrip("/"),
    )
    try:
        server.run(f"CREATE DATABASE {name}")
    finally:
        server.close()
    return urlunsplit(url._replace(path=f"/{name}"))


def client(ports: Dict[str, int]) -> Dict[str, str]:
    return {"WAGROUPS_ADDR": f"http://127.0.0.1:{ports['grpc']}", "WAGROUPS_API_KEY": KEY}


def settle(ports: Dict[str, int]) -> List[str]:
    """Values that let the tests of one machine run side by side."""
    return [argument for name, port in ports.items() for argument in ("--set", f"{name}.port={port}")]


def status(ports: Dict[str, int], path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['ops']}{path}", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def metrics_of(ports: Dict[str, int]) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{ports['ops']}/metrics", timeout=10) as answer:
        return answer.read().decode()


def use(rendered: List[Object], service: Service, ports: Dict[str, int]) -> str:
    """Waits as `helm test` does, makes a group, and follows what has happened; answers the group's id."""
    [test] = of_kind(rendered, "Pod")
    [container] = test["spec"]["containers"]
    # The Service's name is this machine here.
    arguments = [a.replace("http://rel-wagroups:", "http://127.0.0.1:") for a in container["args"]]
    service.wait_until(arguments, {})
    me = client(ports)

    def call(*arguments: str) -> str:
        done = run(list(arguments), me)
        assert done.returncode == 0, done.stderr + service.log.read_text()
        return done.stdout

    sessions = json.loads(call("sessions", "list", "--json") or "{}")
    if "default" not in str(sessions):
        call("sessions", "create", "default", "--engine", "simulator")
        call("sessions", "watch", "default", "--until-working")
    created = json.loads(call("groups", "create", "--subject", "Night shift", "+491510000001", "--json"))
    group = created["group"]["id"]

    watch = subprocess.Popen([BIN, "watch", "--from", "earliest", "--json"], env=me, stdout=subprocess.PIPE, text=True)
    try:
        event = json.loads(watch.stdout.readline())
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
    assert group in json.dumps(event) and "Night shift" in json.dumps(event)

    # Without a key nobody gets in.
    refused = run(["groups", "list"], {**me, "WAGROUPS_API_KEY": "wag_wrong"})
    assert refused.returncode == 1 and "valid API key" in refused.stderr

    # What the liveness probe and Prometheus ask, on the address of the pod's port.
    for path, word in (("/livez", "ok"), ("/readyz", "ok"), ("/metrics", "wagroups_commits_total")):
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['ops']}{path}", timeout=10) as answer:
            assert word in answer.read().decode(), path
    return group


@pytest.mark.skipif(not POSTGRES, reason="needs PostgreSQL: scripts/postgres.sh run -- scripts/chart.sh")
def test_the_scenario_postgres_serves(folder: Path) -> None:
    ports = dict(zip(("grpc", "ops"), free_ports(2)))
    secrets: Secrets = {**SECRETS_KEYS, "wagroups-database": {"uri": new_database()}}
    rendered = render(scenario("postgres"), *settle(ports), "--set", "settings.simulator.enabled=true")

    migrated = run(["migrate"], environment_of(the(rendered, "Job"), rendered, folder, secrets))
    assert migrated.returncode == 0, migrated.stderr
    assert "is up to date" in migrated.stdout

    environment = environment_of(the(rendered, "Deployment"), rendered, folder, secrets)
    with Service(environment, folder / "log", USER) as service:
        use(rendered, service, ports)
        # The migration of the next upgrade runs beside the service, and does it no harm.
        assert run(["migrate"], environment_of(the(rendered, "Job"), rendered, folder, secrets)).returncode == 0
        assert run(["groups", "count"], client(ports)).returncode == 0
        assert service.stop() == 0


@pytest.mark.skipif(not POSTGRES, reason="needs PostgreSQL: scripts/postgres.sh run -- scripts/chart.sh")
def test_two_pods_of_the_profile_find_each_other_and_one_takes_over(folder: Path) -> None:
    """Two processes with the environment of values-ha.yaml; only the ports differ, as they share a machine here."""
    url = new_database()
    held = {"database-url": url, "cluster-secret": "of-this-test-alone-0123456789", **SECRETS_KEYS["wagroups-keys"]}
    pods: List[Tuple[Dict[str, int], Dict[str, str], List[Object]]] = []
    numbers = free_ports(6)
    for i in range(2):
        ports = dict(zip(("grpc", "ops", "cluster"), numbers[3 * i :]))
        rendered = render(scenario("ha"), *settle(ports), "--set", "settings.simulator.enabled=true")
        own = folder / f"pod-{i}"
        own.mkdir()
        environment = environment_of(the(rendered, "Deployment"), rendered, own, {"wagroups": held})
        assert environment["WAGROUPS_CLUSTER__ADDRESS"] == f"127.0.0.1:{ports['cluster']}"
        pods.append((ports, environment, rendered))
    migrated = run(["migrate"], environment_of(the(pods[0][2], "Job"), pods[0][2], folder, {"wagroups": held}))
    assert migrated.returncode == 0, migrated.stderr

    def call(pod: int, *arguments: str) -> str:
        done = run(list(arguments), client(pods[pod][0]))
        assert done.returncode == 0, done.stderr + (folder / f"log-{pod}").read_text()
        return done.stdout

    def replicas(pod: int) -> List[Dict[str, Any]]:
        """As an operator sees them from within the pod."""
        printed = run(["cluster", "status", "--json"], pods[pod][1])
        assert printed.returncode == 0, printed.stderr
        return json.loads(printed.stdout)["replicas"]

    probes = [["healthcheck", f"--addr=http://127.0.0.1:{ports['grpc']}"] for ports, _, _ in pods]
    with Service(pods[0][1], folder / "log-0", USER) as first, Service(pods[1][1], folder / "log-1", USER) as second:
        first.wait_until(probes[0], {})
        second.wait_until(probes[1], {})
        addresses = [environment["WAGROUPS_CLUSTER__ADDRESS"] for _, environment, _ in pods]
        seen = replicas(0)
        assert sorted(replica["address"] for replica in seen) == sorted(addresses)
        assert all(replica["alive"] for replica in seen)
        [owner] = [addresses.index(replica["address"]) for replica in seen if replica["owner"]]
        follower = 1 - owner

        # Made through the one that does not act, read through the one that does, and through itself.
        call(follower, "sessions", "create", "shop", "--engine", "simulator")
        call(follower, "sessions", "watch", "shop", "--until-working")
        made = json.loads(call(follower, "groups", "create", "--session", "shop", "--subject", "Night shift", "--json"))
        group = made["group"]["id"]
        assert "Night shift" in call(owner, "groups", "get", group, "--session", "shop", "--json")
        # This one reads the log in its own time, and so may be a moment late.
        [first, second][follower].wait_until(["groups", "get", group, "--session", "shop"], client(pods[follower][0]))
        for pod, acts in ((owner, 1), (follower, 0)):
            figures = metrics_of(pods[pod][0])
            assert f"wagroups_cluster_owner {acts}\n" in figures
            assert "wagroups_cluster_replicas 2\n" in figures
        assert re.search(r'wagroups_handed_on_total\{.*outcome="answered".*\} \d', metrics_of(pods[follower][0]))

        # As an update does it: the one that acts is told to stop, and the other one goes on.
        services = [first, second]
        assert services[owner].stop() == 0
        services[follower].wait_until(["groups", "subject", "set", group, "Day shift", "--session", "shop"], client(pods[follower][0]))
        assert "Day shift" in call(follower, "groups", "get", group, "--session", "shop", "--json")
        assert [replica["owner"] for replica in replicas(follower)] == [True]
        assert services[follower].stop() == 0


@pytest.mark.skipif(not POSTGRES, reason="needs PostgreSQL: scripts/postgres.sh run -- scripts/chart.sh")
def test_a_secret_that_is_too_short_is_refused_with_the_reason(folder: Path) -> None:
    rendered = render(scenario("ha"))
    held = {"database-url": new_database(), "cluster-secret": "short", **SECRETS_KEYS["wagroups-keys"]}
    refused = run(["serve"], environment_of(the(rendered, "Deployment"), rendered, folder, {"wagroups": held}))
    assert refused.returncode == 1 and "must hold at least 16 characters" in refused.stderr


def test_the_scenario_sqlite_serves_and_keeps(folder: Path) -> None:
    ports = dict(zip(("grpc", "ops"), free_ports(2)))
    data = folder / "data"
    data.mkdir()
    if USER is not None:
        os.chown(data, USER, USER)
    # The volume is a folder of this machine; nothing else of the rendered values is other than in a cluster.
    rendered = render(scenario("sqlite"), *settle(ports), "--set", f"persistence.mountPath={data}")
    assert not of_kind(rendered, "Job")
    environment = environment_of(the(rendered, "Deployment"), rendered, folder, SECRETS_KEYS)
    mode = stat.S_IMODE((folder / "wagroups.toml").stat().st_mode)
    assert mode & stat.S_IROTH, "the service's user reads it"

    with Service(environment, folder / "log", USER) as service:
        use(rendered, service, ports)
        # Recreate is no taste: a second process beside this one does not start.
        second = run(["serve"], {**environment, "WAGROUPS_GRPC__LISTEN": f"127.0.0.1:{free_ports(1)[0]}"})
        assert second.returncode == 1 and "wagroups.db" in second.stderr
        assert service.stop() == 0

    # The next pod, with the same volume.
    with Service(environment, folder / "log", USER) as service:
        service.wait_until(["groups", "count"], client(ports))
        counted = run(["groups", "count", "--json"], client(ports))
        assert int(json.loads(counted.stdout)["count"]) == 1
        assert service.stop() == 0


@pytest.mark.skipif(not POSTGRES, reason="needs PostgreSQL: scripts/postgres.sh run -- scripts/chart.sh")
def test_a_database_that_goes_away_makes_it_unready_and_kills_nothing(folder: Path) -> None:
    """What the probes' comments in the chart promise, and docs/OPERATIONS.md in "What fails how"."""
    ports = dict(zip(("grpc", "ops"), free_ports(2)))
    url = urlsplit(new_database())
    way = Way((url.hostname, url.port))
    through = urlunsplit(url._replace(netloc=f"{url.username}@127.0.0.1:{way.port}"))
    secrets: Secrets = {**SECRETS_KEYS, "wagroups-database": {"uri": through}}
    values = "settings.simulator.enabled=true,settings.database.connect_timeout=2s"
    rendered = render(scenario("postgres"), *settle(ports), "--set", values)
    environment = environment_of(the(rendered, "Deployment"), rendered, folder, secrets)
    probe = ["healthcheck", f"--addr=http://127.0.0.1:{ports['grpc']}"]

    with Service(environment, folder / "log", USER) as service:
        group = use(rendered, service, ports)

        way.cut()
        deadline = time.monotonic() + PATIENCE
        while run(probe, {}).returncode == 0:
            assert time.monotonic() < deadline, "readiness has not noticed"
        assert status(ports, "/readyz") == 503
        # Liveness does not care, so Kubernetes kills nothing.
        assert status(ports, "/livez") == 200
        # What is in memory is still read; what would have to be stored is not taken, and may be sent again.
        assert run(["groups", "get", group], client(ports)).returncode == 0
        changed = run(["groups", "subject", "set", group, "Day shift", "--timeout", "20s"], client(ports))
        assert changed.returncode == 3, changed.stderr

        way.mend()
        service.wait_until(probe, {})
        assert run(["groups", "subject", "set", group, "Day shift"], client(ports)).returncode == 0
        assert service.stop() == 0

    way.cut()
    # A start without the database ends with the reason, and the kubelet tries again.
    refused = run(["serve"], environment)
    assert refused.returncode == 1 and f"127.0.0.1:{way.port}" in refused.stderr
