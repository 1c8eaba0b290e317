"""Writes the table of values in helm/README.md from helm/values.yaml; with --check it only says whether that would
change it.

A value's meaning is the comment right above it. A comment that begins with `--` is a heading of the table. A map whose
entries have comments is shown entry by entry, any other as a whole.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import yaml

CHART = Path(__file__).resolve().parent.parent / "helm"
BEGIN = "<!-- The table is written by `make chart-readme` from the comments of values.yaml. -->\n"
KEY = re.compile(r"^( *)([A-Za-z_][A-Za-z0-9_]*):(.*)$")

Path_ = Tuple[str, ...]


class Row(NamedTuple):
    path: Path_
    meaning: str
    heading: str


def rows_of(text: str) -> Iterator[Row]:
    """The keys of the file that have a comment, in its order."""
    heading = ""
    headed: List[str] = []
    comment: List[str] = []
    place: List[Tuple[int, str]] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# --"):
            headed.append(stripped[4:].strip())
            continue
        if headed:
            heading, headed = " ".join(headed), []
        if stripped.startswith("#"):
            comment.append(stripped[1:].strip())
            continue
        key = KEY.match(line)
        if key:
            indent = len(key[1])
            while place and place[-1][0] >= indent:
                place.pop()
            place.append((indent, key[2]))
            if comment:
                yield Row(tuple(name for _, name in place), " ".join(comment), heading)
        comment = []


def leaves_of(values: Dict[str, Any], rows: Dict[Path_, Row], path: Path_ = ()) -> Iterator[Path_]:
    """Every value that is a row by itself."""
    for name, value in values.items():
        inner = path + (name,)
        has_rows = any(other[: len(inner)] == inner and len(other) > len(inner) for other in rows)
        if isinstance(value, dict) and has_rows:
            yield from leaves_of(value, rows, inner)
        else:
            yield inner


def value_at(values: Any, path: Path_) -> Any:
    for name in path:
        values = values[name]
    return values


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def table() -> str:
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    rows = {row.path: row for row in rows_of(text)}
    leaves = list(leaves_of(values, rows))
    undocumented = [".".join(path) for path in leaves if path not in rows]
    if undocumented:
        sys.exit(f"chart-values: no comment in helm/values.yaml above: {', '.join(undocumented)}")

    lines: List[str] = []
    heading = None
    for path in leaves:
        row = rows[path]
        if row.heading != heading:
            heading = row.heading
            title, _, more = heading.partition(". ")
            lines += ["", f"### {title.rstrip('.')}", ""]
            if more:
                lines += [more, ""]
            lines += ["| value | default | meaning |", "|---|---|---|"]
        default = json.dumps(value_at(values, path), ensure_ascii=False)
        lines.append(f"| `{'.'.join(path)}` | `{cell(default)}` | {cell(row.meaning)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    page = CHART / "README.md"
    was = page.read_text()
    head, mark, _ = was.partition(BEGIN)
    if not mark:
        sys.exit(f"chart-values: helm/README.md lacks the line {BEGIN}")
    now = head + mark + table()
    if "--check" not in sys.argv:
        page.write_text(now)
    elif now != was:
        sys.exit("chart-values: helm/README.md is not what values.yaml says; run make chart-readme")


main()
