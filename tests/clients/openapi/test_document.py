"""The OpenAPI document, held against what is served: schemathesis makes requests of it, right and wrong ones, and
checks that each answer is one that the document has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from program import Program

EXAMPLES = os.environ.get("OPENAPI_EXAMPLES", "12")
HOOKS = Path(__file__).with_name("hooks.py")
LIFE = [f"/api/sessions/{{session}}/{verb}" for verb in ("start", "stop", "restart", "logout")]
LINKING = ["/api/{session}/auth/qr", "/api/{session}/auth/request-code"]
NUMBERS = ["4915120000001", "4915120000002", "4915120000003"]


@pytest.fixture(scope="module", params=["normalized", "gows", "noweb", "webjs", "wpp"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(tmp_path_factory.mktemp(request.param), request.param, keys={"all": "*"})
    yield program
    assert program.stop() == 0


def closed(schema: Any) -> Any:
    """A schema of answers without room for what it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(one) for name, one in schema.items()}
    if isinstance(inner.get("properties"), dict) and inner.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def asked(document: Dict[str, Any]) -> set:
    """The schemas that requests are made of."""
    found: set = set()
    todo = [item.get("requestBody", {}) for path in document["paths"].values() for item in path.values()]
    while todo:
        for name in _names(todo.pop()) - found:
            found.add(name)
            todo.append(document["components"]["schemas"][name])
    return found


def _names(schema: Any) -> set:
    if isinstance(schema, list):
        return set().union(*(_names(one) for one in schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].rsplit("/", 1)[1]} if "$ref" in schema else set()
    return own.union(*(_names(one) for one in schema.values()))


def test_every_answer_is_one_that_the_document_has(program: Program, tmp_path: Path) -> None:
    document = program.ok("GET", "/openapi.json")
    schemas = document["components"]["schemas"]
    requests = asked(document)
    for name in schemas:
        if name not in requests or name in ("AdminsOnly", "MemberAddMode", "MembershipApproval", "MemberShareHistory"):
            schemas[name] = closed(schemas[name])
    # Requests find something: a session that works, groups of it that exist, people, and invites.
    groups = [program.new_group("default", f"Group {number}", *NUMBERS) for number in range(40)]
    parameters = document["components"]["parameters"]
    default = {"type": "string", "enum": ["default"]}
    parameters["Session"]["schema"] = default
    schemas["CarriedRequest"]["properties"]["session"] = default
    for operation in [operation for path in document["paths"].values() for operation in path.values()]:
        for parameter in operation.get("parameters", []):
            if (parameter.get("name"), parameter.get("in")) == ("session", "query"):
                parameter["schema"] = default
    parameters["GroupId"]["schema"] = {"type": "string", "enum": groups}
    parameters["Session"].pop("example")
    parameters["GroupId"].pop("example")
    parameters["Lid"]["schema"] = {"type": "string", "enum": ["222@lid"]}
    # Sessions of their own for what ends one, and for what only one that waits to be linked can do.
    for name in ("spare", "unlinked"):
        program.run("sessions", "create", name, "--engine", "simulator")
    program.run("sessions", "logout", "unlinked")
    program.run("sessions", "start", "unlinked")
    for name, paths in {"spare": LIFE, "unlinked": LINKING}.items():
        own = {**parameters["Session"], "schema": {"type": "string", "enum": [name]}}
        for path in paths:
            (operation,) = document["paths"][path].values()
            operation["parameters"] = [
                own if parameter.get("$ref", "").endswith("/Session") else parameter
                for parameter in operation.get("parameters", [])
            ]
    for name in ("SessionNameRequest", "StopSessionRequest"):
        schemas[name]["properties"]["name"] = {"type": "string", "enum": ["spare"]}
    # Nothing is fetched from elsewhere, and nothing is here.
    schemas["RemoteFile"]["properties"]["url"] = {"type": "string", "enum": ["http://127.0.0.1:9/picture.jpg"]}
    # A stream does not end, and a socket is no request.
    del document["paths"]["/api/{session}/groups/events"]
    del document["paths"]["/ws"]
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    # The shapes differ in what is answered to right requests.
    whole = program.shape == "normalized"
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            str(file),
            f"--url={program.url}",
            f"--header=X-Api-Key:{program.keys['all']}",
            "--checks=all",
            # Nest answers 404 to a method that a path has not, and so does this. What is a server error here, the
            # hooks say.
            "--exclude-checks=not_a_server_error,unsupported_method,allow_header_conformance",
            f"--max-examples={EXAMPLES}",
            "--generation-deterministic",
            *([] if whole else ["--mode=positive", "--phases=examples,fuzzing"]),
            "--suppress-health-check=all",
            "--continue-on-failure",
            "--no-shrink",
            "--request-timeout=20",
            "--no-color",
        ],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)},
        capture_output=True,
        text=True,
        check=False,
    )
    log = program.log.read_text()
    assert run.returncode == 0, run.stdout + run.stderr + log[-3000:]
    print(run.stdout)
    assert "panic" not in log
