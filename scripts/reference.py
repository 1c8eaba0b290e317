#!/usr/bin/env python3
"""Writes docs/REFERENCE.md from the comments of proto/.

    reference.py DESCRIPTOR_SET            prints the page
    reference.py DESCRIPTOR_SET --check P  fails where the page at P is another one

The descriptor set is one with source info, as `buf build --as-file-descriptor-set` makes it. Only the
standard library and protobuf are needed.
"""

from __future__ import annotations

import re
import sys
from typing import Dict, Iterable, List, Tuple

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

PACKAGE = "wagroups.v1"
FILES = ["groups.proto", "sessions.proto", "webhooks.proto", "relay.proto", "simulator.proto", "errors.proto"]
# Field numbers of descriptor.proto, of which the paths of source info are made.
MESSAGES, ENUMS, SERVICES, FIELDS, NESTED, METHODS, VALUES = 4, 5, 6, 2, 3, 2, 2
SCALARS = {number: name[5:].lower() for name, number in FieldDescriptorProto.Type.items()}


class File:
    """A file of the contract with its comments by path."""

    def __init__(self, proto: FileDescriptorProto) -> None:
        self.proto = proto
        self.comments: Dict[Tuple[int, ...], str] = {
            tuple(location.path): location.leading_comments for location in proto.source_code_info.location
        }

    def text(self, *path: int) -> str:
        """A comment as Markdown: paragraphs, lists and links."""
        lines = [line[1:] if line.startswith(" ") else line for line in self.comments.get(path, "").split("\n")]
        return escape("\n".join(lines).strip())

    def line(self, *path: int) -> str:
        """A comment as a table's cell."""
        return " ".join(self.text(*path).split()).replace("|", "\\|")


def escape(text: str) -> str:
    """Placeholders such as <name> are text, not HTML."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def anchor(name: str) -> str:
    return name.lower()


def type_of(field: FieldDescriptorProto, entries: Dict[str, DescriptorProto]) -> str:
    """The type as the contract writes it, linked where it is of the contract."""
    if field.type in (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM):
        full = field.type_name.lstrip(".")
        if full in entries:
            key, value = entries[full].field
            return f"map&lt;{type_of(key, entries)}, {type_of(value, entries)}&gt;"
        short = full.removeprefix(f"{PACKAGE}.")
        name = f"[{short}](#{anchor(short)})" if full.startswith(PACKAGE) else f"`{full}`"
    else:
        name = SCALARS[field.type]
    return f"repeated {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def services(file: File) -> Iterable[str]:
    for s, service in enumerate(file.proto.service):
        yield f"## {service.name}\n\n{file.text(SERVICES, s)}\n"
        yield "\n".join(f"- [{method.name}](#{anchor(method.name)})" for method in service.method) + "\n"
        for m, method in enumerate(service.method):
            request, answer = (name.rsplit(".", 1)[-1] for name in (method.input_type, method.output_type))
            stream = "stream " if method.server_streaming else ""
            yield f"### {method.name}\n"
            yield f"[{request}](#{anchor(request)}) → {stream}[{answer}](#{anchor(answer)})\n"
            yield f"{file.text(SERVICES, s, METHODS, m)}\n"


def messages(file: File) -> Iterable[str]:
    for m, message in enumerate(file.proto.message_type):
        entries = {f"{PACKAGE}.{message.name}.{nested.name}": nested for nested in message.nested_type}
        yield f"### {message.name}\n\n{file.text(MESSAGES, m)}\n"
        if not message.field:
            continue
        rows = ["| field | type | meaning |", "|---|---|---|"]
        for f, field in enumerate(message.field):
            name = f"`{field.name}`"
            if field.HasField("oneof_index") and not field.proto3_optional:
                name += f" (one of `{message.oneof_decl[field.oneof_index].name}`)"
            if field.proto3_optional:
                name += " (optional)"
            rows.append(f"| {name} | {type_of(field, entries)} | {file.line(MESSAGES, m, FIELDS, f)} |")
        yield "\n".join(rows) + "\n"


def enums(file: File) -> Iterable[str]:
    for e, enum in enumerate(file.proto.enum_type):
        if enum.name == "Reason":
            continue
        yield f"### {enum.name}\n\n{file.text(ENUMS, e)}\n"
        rows = ["| value | number | meaning |", "|---|---|---|"]
        for v, value in enumerate(enum.value):
            rows.append(f"| `{value.name}` | {value.number} | {file.line(ENUMS, e, VALUES, v)} |")
        yield "\n".join(rows) + "\n"


REASON = re.compile(
    r"(?P<meaning>.*?) gRPC (?P<grpc>\w+), HTTP (?P<http>\d+), WAHA (?P<waha>\d+)\. "
    r"Details: (?P<details>.*?)\. Metadata: (?P<metadata>.*?)\.? Caller: (?P<caller>.*)"
)


def reasons(file: File) -> Iterable[str]:
    (e, enum), = [(e, enum) for e, enum in enumerate(file.proto.enum_type) if enum.name == "Reason"]
    yield f"## Reasons\n\n{file.text(ENUMS, e)}\n"
    for v, value in enumerate(enum.value):
        if value.number == 0:
            continue
        comment = " ".join(file.text(ENUMS, e, VALUES, v).split())
        said = REASON.match(comment)
        if said is None:
            raise SystemExit(f"{value.name}: its comment is not of the usual form")
        yield f"### {value.name.removeprefix('REASON_')}\n\n{said['meaning']}\n"
        rows = [
            "| gRPC | HTTP | WAHA | details | metadata |",
            "|---|---|---|---|---|",
            f"| `{said['grpc']}` | {said['http']} | {said['waha']} | {said['details']} | {said['metadata']} |",
        ]
        yield "\n".join(rows) + f"\n\nCaller: {said['caller']}\n"


def page(files: List[File]) -> str:
    by_name = {file.proto.name.rsplit("/", 1)[-1]: file for file in files}
    ordered = [by_name[name] for name in FILES]
    parts = [
        "# The contract\n",
        "Made from the comments of [`proto/wagroups/v1/`](../proto/wagroups/v1/) by `make reference`; "
        "change it there.\n",
        "Services: "
        + ", ".join(f"[{s.name}](#{anchor(s.name)})" for file in ordered for s in file.proto.service)
        + ". Then [messages](#messages), [enums](#enums) and [reasons](#reasons).\n",
    ]
    for file in ordered:
        parts.extend(services(file))
    parts.append("## Messages\n")
    for file in ordered:
        parts.extend(messages(file))
    parts.append("## Enums\n")
    for file in ordered:
        parts.extend(enums(file))
    parts.extend(reasons(by_name["errors.proto"]))
    return "\n".join(parts)


def main(arguments: List[str]) -> None:
    with open(arguments[0], "rb") as file:
        descriptors = FileDescriptorSet.FromString(file.read())
    text = page([File(proto) for proto in descriptors.file if proto.package == PACKAGE])
    if arguments[1:2] != ["--check"]:
        sys.stdout.write(text)
        return
    with open(arguments[2], encoding="utf-8") as file:
        if file.read() != text:
            raise SystemExit(f"{arguments[2]} is not what proto/ says; run `make reference`")


if __name__ == "__main__":
    main(sys.argv[1:])
