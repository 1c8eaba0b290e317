"""The image's recipe and compose.yaml. No engine is needed: what they say is held against what reads it."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from typing import Dict, List

import jsonschema
import pytest

import compose
from pods import KEY_HASH
from program import settings_in_force
from rendering import CHART, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
VARIABLES = {"POSTGRES_PASSWORD": "0123456789abcdef", "WAGROUPS_AUTH__KEYS": f"me:{KEY_HASH}:*"}


def test_hadolint_finds_nothing() -> None:
    found = subprocess.run(
        ["hadolint", "--no-color", "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")


def instructions(name: str) -> List[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.split(None, 1)[1] for line in joined.splitlines() if line.startswith(name + " ")]


def test_the_image_is_the_program_and_no_more() -> None:
    assert instructions("ENTRYPOINT") == ['["/usr/local/bin/wagroups"]'] and instructions("CMD") == ['["serve"]']
    assert instructions("USER") == ["65532:65532"]
    assert instructions("FROM")[-1].startswith("gcr.io/distroless/") and ":nonroot" in instructions("FROM")[-1]
    [check] = instructions("HEALTHCHECK")
    assert check.endswith('CMD ["/usr/local/bin/wagroups", "healthcheck"]')
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", DOCKERFILE))
    assert {"title", "description", "licenses", "version", "revision"} <= labels


def test_the_charts_user_is_the_images() -> None:
    values = (CHART / "values.yaml").read_text()
    assert "runAsUser: 65532" in values and "fsGroup: 65532" in values


def test_the_image_is_built_by_the_oldest_compiler_that_will_do() -> None:
    wanted = re.search(r'^rust-version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert instructions("FROM")[0] == f"rust:{wanted}-bookworm AS build"
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert f"ARG VERSION={version}\n" in DOCKERFILE


def test_what_is_copied_is_not_ignored_and_is_enough() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in instructions("COPY") if "--from" not in line for source in line.split()[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)
    # Each target of the manifest has a stand-in in the layer of dependencies, or cargo refuses the manifest.
    manifest = (ROOT / "Cargo.toml").read_text()
    for path in re.findall(r'^path = "(.*)"$', manifest, re.MULTILINE):
        assert path in DOCKERFILE, path


def test_files_that_the_program_is_built_from_are_copied() -> None:
    """`include_str!` and the like reach out of src, which only a build would notice."""
    for file in sorted((ROOT / "src").rglob("*.rs")):
        beside = file.parent / "mod.rs"
        if beside.exists() and f"#[cfg(test)]\nmod {file.stem};" in beside.read_text():
            continue
        for target in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', file.read_text()):
            resolved = (file.parent / target).resolve().relative_to(ROOT)
            assert resolved.parts[0] in ("src", "proto"), f"{file}: {resolved}"


def test_compose_is_valid() -> None:
    # Where it lies, without running any of it.
    [package] = importlib.util.find_spec("check_jsonschema").submodule_search_locations
    schema = json.loads((Path(package) / "builtin_schemas/vendor/compose-spec.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(compose.load(VARIABLES))
    wrong = compose.load(VARIABLES)
    wrong["services"]["wagroups"]["depends_on"]["postgres"]["condition"] = "healthy"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)


def test_the_program_takes_what_compose_gives_it() -> None:
    services = compose.load(VARIABLES)["services"]
    environment: Dict[str, str] = services["wagroups"]["environment"]
    settings = settings_in_force(environment)
    assert settings["database.url"]["value"] == "postgres://wagroups:…@postgres:5432/wagroups"
    assert [key["name"] for key in settings["auth.keys"]["value"]] == ["me"]
    # Every port that is let in is one that is listened on, and of this machine alone.
    listens = {settings[f"{name}.listen"]["value"] for name in ("grpc", "rest", "waha_ingress", "ops")}
    for port in services["wagroups"]["ports"]:
        host, outer, inner = port.split(":")
        assert host == "127.0.0.1" and outer == inner and f"0.0.0.0:{inner}" in listens
    assert len(services["wagroups"]["ports"]) == len(listens)
    # What compose waits for, and what it gives the service to stop.
    assert services["wagroups"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["postgres"]["image"] == "postgres:17" and services["postgres"]["healthcheck"]
    assert services["wagroups"]["stop_grace_period"] == "40s"
    database = services["postgres"]["environment"]
    assert environment["WAGROUPS_DATABASE__URL"] == "postgres://{}:{}@postgres:5432/{}".format(
        database["POSTGRES_USER"], database["POSTGRES_PASSWORD"], database["POSTGRES_DB"]
    )


REPLICAS = ("replica-1", "replica-2")


def ports_here(service: Dict[str, List[str]]) -> List[str]:
    return [port.rpartition(":")[0] for port in service["ports"]]


def test_the_profile_of_compose_is_two_processes_that_know_of_each_other() -> None:
    document = compose.load(VARIABLES)
    services = document["services"]
    assert {name for name, service in services.items() if service.get("profiles") == ["replicas"]} == set(REPLICAS)
    assert not services["wagroups"].get("profiles") and not services["postgres"].get("profiles")
    for name in REPLICAS:
        service = services[name]
        settings = settings_in_force(service["environment"])
        # As the other one reaches it in compose's network, by the port that it listens on and that is let in nowhere.
        assert settings["cluster.address"]["value"] == f"{name}:50052"
        assert settings["cluster.listen"]["value"] == "0.0.0.0:50052"
        assert "50052" not in str(service["ports"])
        [secret] = service["secrets"]
        assert settings["cluster.secret_file"]["value"] == f"/run/secrets/{secret}"
        assert document["secrets"][secret] == {"file": "./.cluster-secret"}
        # Else it is the one that runs alone.
        alone = services["wagroups"]
        assert {k: v for k, v in service["environment"].items() if "CLUSTER" not in k} == alone["environment"]
        for key in set(alone) - {"environment", "ports", "depends_on"}:
            assert service[key] == alone[key], key


def test_replicas_of_compose_do_not_run_beside_the_one_that_knows_none() -> None:
    services = compose.load(VARIABLES)["services"]
    assert "CLUSTER" not in str(services["wagroups"]["environment"])
    # Docker starts only one of two containers with the same ports.
    assert ports_here(services["replica-1"]) == ports_here(services["wagroups"])
    assert not set(ports_here(services["replica-2"])) & set(ports_here(services["replica-1"]))
    assert all(port.startswith("127.0.0.1:") for port in ports_here(services["replica-2"]))
    healthy = {"condition": "service_healthy"}
    assert services["replica-2"]["depends_on"] == {"postgres": healthy, "replica-1": healthy}


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_compose_says_what_is_missing(name: str) -> None:
    with pytest.raises(compose.Missing, match="set it in .env"):
        compose.load({**VARIABLES, name: ""})


def test_images_have_the_version_of_the_program() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    services = compose.load(VARIABLES)["services"]
    for name in ("wagroups", *REPLICAS):
        assert services[name]["image"] == f"wagroups:{version}"


def test_secrets_of_a_working_copy_are_not_committed() -> None:
    assert {".env", ".cluster-secret"} <= set((ROOT / ".gitignore").read_text().splitlines())
