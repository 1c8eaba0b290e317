"""The chart as helm renders it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
# The profile that stands beside the chart's own values is one too.
PROFILE = CHART / "values-ha.yaml"
SCENARIOS = [*sorted(CHART.glob("ci/*-values.yaml")), PROFILE]

Object = Dict[str, Any]


def scenario(name: str) -> Path:
    return PROFILE if name == "ha" else CHART / "ci" / f"{name}-values.yaml"


def helm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=120, check=False)


def template(*arguments: str, release: str = "rel", kube_version: str = "1.31") -> "subprocess.CompletedProcess[str]":
    return helm(
        "template", release, str(CHART), "--namespace", "groups-test", "--kube-version", kube_version, *arguments
    )


class Strict(yaml.SafeLoader):
    """A loader that refuses a key that stands twice: YAML would silently take the last one."""


def _mapping(loader: Strict, node: yaml.MappingNode, deep: bool = False) -> Dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value if key.value != "<<"]
    twice = {key for key in keys if keys.count(key) > 1}
    assert not twice, f"{twice} stands twice, at {node.start_mark}"
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def objects(text: str) -> List[Object]:
    return [document for document in yaml.load_all(text, Loader=Strict) if document]


def render(values: Optional[Path] = None, *arguments: str, **options: str) -> List[Object]:
    """All objects of the chart with these values, hooks and tests included."""
    files = ["--values", str(values)] if values else []
    rendered = template(*files, *arguments, **options)
    assert rendered.returncode == 0, rendered.stderr
    return objects(rendered.stdout)


def render_with(values: Dict[str, Any], tmp_path: Path, base: str = "postgres") -> List[Object]:
    """The same for a scenario with these values on top."""
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values))
    return render(scenario(base), "--values", str(file))


def find(rendered: List[Object], kind: str, name: str) -> Object:
    [found] = [o for o in rendered if o["kind"] == kind and o["metadata"]["name"] == name]
    return found


def of_kind(rendered: List[Object], kind: str) -> List[Object]:
    return [o for o in rendered if o["kind"] == kind]


def the(rendered: List[Object], kind: str) -> Object:
    [found] = of_kind(rendered, kind)
    return found


def title(o: Object) -> str:
    return f"{o['kind']}/{o['metadata']['name']}"


def pod_template(o: Object) -> Optional[Object]:
    """The metadata and spec of the object's pods."""
    if o["kind"] == "Pod":
        return o
    if o["kind"] in ("Deployment", "Job"):
        return o["spec"]["template"]
    return None


def hooks_of(o: Object) -> List[str]:
    hooks = o["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    return [hook for hook in hooks.split(",") if hook]


def maps_of(node: Any) -> Iterator[Dict[str, Any]]:
    """Every map in a document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from maps_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from maps_of(value)
