"""compose.yaml as docker compose reads it, with variables put in."""

from __future__ import annotations

import re
from typing import Any, Dict, List

import yaml

from rendering import ROOT, Strict

FILE = ROOT / "compose.yaml"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class Missing(Exception):
    """A variable that has to be set, with what compose would say of it."""


def load(variables: Dict[str, str]) -> Dict[str, Any]:
    def put_in(match: "re.Match[str]") -> str:
        name, kind, text = match.groups()
        if variables.get(name):
            return variables[name]
        if kind == "?":
            raise Missing(text)
        return text if kind == "-" else ""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        return VARIABLE.sub(put_in, node) if isinstance(node, str) else node

    return walk(yaml.load(FILE.read_text(), Loader=Strict))


def env_file(text: str) -> Dict[str, str]:
    lines: List[str] = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
