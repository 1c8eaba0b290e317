"""That values.yaml, its schema and the program speak of the same things."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Tuple

import jsonschema
import yaml

from program import settings_in_force
from rendering import CHART, maps_of

VALUES: Dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: Dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

# What the chart decides by other values than `settings`.
DECIDED = {
    "auth.certificates", "auth.keys", "cluster.address", "cluster.ca_file", "cluster.cert_file", "cluster.key_file",
    "cluster.listen", "cluster.secret_file", "cluster.server_name", "database.url", "grpc.listen", "nats.cert_file", "nats.credentials_file",
    "nats.key_file", "nats.token_file", "nats.url", "ops.listen", "ops.tls", "rest.listen", "tls.cert_file",
    "tls.client_auth", "tls.client_ca_file", "tls.key_file", "waha.servers", "waha_ingress.listen",
}  # fmt: skip
# Old names of sections, in the schema only so that their refusal says the new one.
RENAMED = {"settings.webhook"}
# Where the chart has another default than the program, on purpose: nobody wants a simulator in production.
OTHERWISE = {"simulator.enabled": False}

# Maps whose keys are the user's, and Kubernetes' own types; everything else is closed.
OPEN = {"texts", "labels", "kubernetes", "volume", "container", "global"}


def resolved(schema: Dict[str, Any]) -> Dict[str, Any]:
    if "$ref" in schema:
        return SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(VALUES)


def test_every_level_of_the_schema_is_closed() -> None:
    def levels(node: Any, place: str) -> Iterator[Tuple[str, Dict[str, Any]]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield place, node
            for name, inner in node.items():
                yield from levels(inner, name if name not in ("properties", "items", "$defs") else place)

    found = list(levels(SCHEMA, ""))
    assert len(found) > 60
    for place, node in found:
        if place in OPEN:
            continue
        # Closed, or a map of things of one kind, such as resources by name.
        extra = node.get("additionalProperties")
        assert extra is False or (isinstance(extra, dict) and "properties" not in node), place


def test_every_reference_leads_somewhere_and_everything_is_used() -> None:
    names = [map_["$ref"] for map_ in maps_of(SCHEMA) if "$ref" in map_]
    assert set(names) == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_every_value_of_the_schema_has_a_default() -> None:
    """And so a comment, a row in the README, and a place where a reader finds it."""

    def missing(schema: Dict[str, Any], values: Any, path: str) -> List[str]:
        found: List[str] = []
        for name, inner in resolved(schema).get("properties", {}).items():
            place = f"{path}.{name}".lstrip(".")
            if name not in values and place not in RENAMED:
                found.append(place)
            elif isinstance(values.get(name), dict) and values[name]:
                found += missing(inner, values[name], place)
        return found

    # What Kubernetes knows further of contexts is allowed and has no default; `global` is Helm's.
    found = [p for p in missing(SCHEMA, VALUES, "") if p.split(".")[0] not in ("podSecurityContext", "securityContext")]
    assert [p for p in found if p not in ("global", "resources.claims", "migrate.resources.claims")] == []


def test_settings_are_all_that_the_program_has() -> None:
    program = settings_in_force({})
    chart = {f"{s}.{n}": value for s, settings in VALUES["settings"].items() for n, value in settings.items()}
    schema = {
        f"{s}.{n}"
        for s, section in SCHEMA["properties"]["settings"]["properties"].items()
        if f"settings.{s}" not in RENAMED
        for n in section["properties"]
    }
    assert set(chart) == set(program) - DECIDED, "helm/values.yaml: `settings`"
    assert schema == set(chart), "helm/values.schema.json: `settings`"


def test_defaults_are_the_programs() -> None:
    program = settings_in_force({})
    for section, settings in VALUES["settings"].items():
        for name, value in settings.items():
            path = f"{section}.{name}"
            assert value == OTHERWISE.get(path, program[path]["value"]), path
