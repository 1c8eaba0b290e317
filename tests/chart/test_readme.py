"""That the commands of the documents work as they are written. What needs a cluster or an engine is played by the same
tools without one: helm and kubectl with `--dry-run=client`, docker by the program itself."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

import compose
from pods import environment_of
from program import BIN, settings_in_force
from rendering import CHART, ROOT, find, helm, objects, render, scenario, the

README = (ROOT / "README.md").read_text()

KUBECTL = 'exec "{kubectl}" "$@" --dry-run=client --output yaml'
HELM = 'if [ "$1" = install ]; then exec "{helm}" "$@" --dry-run=client; fi'
DOCKER = 'if [ "$1" = run ]; then shift 3; exec "{bin}" "$@"; fi'


def chapter(page: str, title: str) -> str:
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]


def commands(text: str) -> str:
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def play(script: str, folder: Path) -> str:
    """Runs the script in a copy of what it names, and answers what it printed."""
    tools = folder / "tools"
    tools.mkdir()
    for name, text in (("kubectl", KUBECTL), ("helm", HELM), ("docker", DOCKER), ("wagroups", 'exec "{bin}" "$@"')):
        tool = tools / name
        text = text.format(kubectl=shutil.which("kubectl"), helm=shutil.which("helm"), bin=BIN)
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
    (folder / "helm").symlink_to(CHART)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder), "KUBECONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "text",
    [
        chapter(README, "Kubernetes"),
        chapter((CHART / "README.md").read_text(), "Installing"),
        chapter((CHART / "README.md").read_text(), "Several replicas"),
    ],
    ids=["README.md", "helm/README.md", "helm/README.md, several replicas"],
)
def test_the_few_lines_install_what_the_program_takes(text: str, tmp_path: Path) -> None:
    script = commands(text)
    assert len(script.splitlines()) <= 5
    printed = play(script + '\nprintf "%s\\n" "---" "key: $KEY"', tmp_path)
    printed = re.sub(r"^NAME: .*?(?=^---$)", "", printed, flags=re.MULTILINE | re.DOTALL)
    printed = re.sub(r"^NOTES:.*?(?=^---$)", "", printed, flags=re.MULTILINE | re.DOTALL)
    documents = objects(printed.replace("HOOKS:\n", "").replace("MANIFEST:\n", ""))
    [key] = [document["key"] for document in documents if "key" in document]
    rendered = [document for document in documents if "kind" in document]

    settings = settings_in_force(environment_of(the(rendered, "Deployment"), rendered, tmp_path, {}))
    assert settings["database.url"]["value"] == "postgres://wagroups:…@db.example:5432/wagroups"
    [entry] = settings["auth.keys"]["value"]
    assert hashlib.sha256(key.encode()).hexdigest().startswith(entry["sha256"].rstrip("…"))
    container = the(rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    pushed = script if "docker push" in script else commands(chapter((CHART / "README.md").read_text(), "Installing"))
    assert container["image"] in pushed, "what is installed is what was pushed"
    made = find(rendered, "Secret", "wagroups")["data"]
    is_several = the(rendered, "Deployment")["spec"]["replicas"] > 1
    assert is_several == ("values-ha.yaml" in script) == ("cluster-secret" in made)
    assert not is_several or len(base64.b64decode(made["cluster-secret"])) == 64


def test_the_lines_for_compose_make_an_env_that_the_program_takes(tmp_path: Path) -> None:
    script = "\n".join(
        line for line in commands(chapter(README, "Docker")).splitlines() if not line.startswith("wagroups ")
    )
    play(script, tmp_path)
    variables = compose.env_file((tmp_path / ".env").read_text())
    settings = settings_in_force(compose.load(variables)["services"]["wagroups"]["environment"])
    assert settings["auth.keys"]["value"][0]["name"] == "me"
    assert re.fullmatch("[0-9a-f]{32}", variables["POSTGRES_PASSWORD"])
    # The image's user reads what replicas share, whoever made it.
    secret = tmp_path / compose.load(variables)["secrets"]["cluster"]["file"]
    assert len(secret.read_text().strip()) == 64 and secret.stat().st_mode & 0o004


def test_the_notes_name_what_was_installed() -> None:
    for name, words, absent in (
        ("postgres", ["service/rel-wagroups 50051", "webhook.enabled=true", "rollout restart"], ["WARNING", "pods", "cluster status"]),
        ("sqlite", ["`default`, on the simulator"], ["WARNING", "webhook.enabled=true"]),
        ("ingress", ["--webhooks-only", "service/rel-wagroups-webhook, port 8090"], ["waha.servers"]),
        ("ha", ["in 3 pods, of which one acts", "wagroups cluster status", "rollout restart"], ["Secret that the chart made"]),
        ("keys", ["in 2 pods", "Secret that the chart made"], []),
        ("everything", ["in 3 to 12 pods, of which one acts", "service/groups 50051", "--engine waha\n"], ["Alerts are there", "--webhooks-only"]),
    ):
        printed = helm("install", "rel", str(CHART), "--values", str(scenario(name)), "--dry-run=client")
        assert printed.returncode == 0, printed.stderr
        notes = printed.stdout.partition("NOTES:")[2]
        for word in words:
            assert word in notes, name
        for word in absent:
            assert word not in notes, name


def test_the_notes_warn_of_a_database_that_goes_with_the_pod() -> None:
    values = ["--values", str(scenario("sqlite")), "--set", "persistence.enabled=false"]
    printed = helm("install", "rel", str(CHART), *values, "--dry-run=client")
    assert "WARNING: persistence is off" in printed.stdout


@pytest.mark.skipif(not shutil.which("jq"), reason="needs jq, as the document does")
@pytest.mark.parametrize("name", ["postgres", "sqlite", "everything", "ha"])
def test_a_job_of_the_deployment_gives_the_log_a_new_id(name: str, tmp_path: Path) -> None:
    """The command of the chapter on restoring, from the Deployment as rendered to the Job as kubectl would send it."""
    page = (ROOT / "docs/OPERATIONS.md").read_text()
    filter_ = re.search(r"jq '(.*?)' \| kubectl create", page, re.DOTALL)[1]
    rendered = render(scenario(name))
    deployment = json.dumps(the(rendered, "Deployment"))
    made = subprocess.run(["jq", filter_], input=deployment, capture_output=True, text=True, check=True)
    job = json.loads(made.stdout)
    kubernetes_validate.validate(job, "1.31", strict=True)
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["migrate", "--new-log-id"]
    assert settings_in_force(environment_of(job, rendered, tmp_path))
