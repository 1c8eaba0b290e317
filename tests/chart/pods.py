"""What a rendered pod gives to its program: variables and files, as the kubelet would put them there."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, Dict, List

from rendering import Object, find, pod_template

# A variable in the text of another one.
REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")

# Of Secrets that are not the chart's: `{name: {key: text}}`.
Secrets = Dict[str, Dict[str, str]]

# That of `wagroups api-key new`, whose hash the scenarios hold.
KEY_HASH = "043515beef5418e26e4f48099209641a9540d6c5a5be50504e707ddac81849c4"
STAND_INS: Secrets = {
    "wagroups-database": {
        "uri": "postgresql://app:secret@cluster-rw.db:5432/app",
        "database-url": "postgres://app:secret@db.example/app",
    },
    "wagroups-keys": {"api-keys": f"operator:{KEY_HASH}:*"},
    "wagroups-cluster": {"peers": "of-the-stand-in-0123456789"},
    # All in one, as values-ha.yaml has it.
    "wagroups": {
        "database-url": "postgres://app:secret@db.example/app",
        "api-keys": f"operator:{KEY_HASH}:*",
        "cluster-secret": "of-the-stand-in-0123456789",
    },
}
# What the kubelet would know of the pod.
FIELDS = {"status.podIP": "127.0.0.1", "spec.nodeName": "node"}
FIELDS_OF_IPV6 = {**FIELDS, "status.podIP": "::1"}


def container_of(o: Object) -> Object:
    """The program's own container."""
    [found] = [
        c for c in pod_template(o)["spec"]["containers"] if c["name"] in ("wagroups", "migrate", "healthcheck")
    ]
    return found


def secret_value(rendered: List[Object], reference: Dict[str, str], secrets: Secrets) -> str:
    if reference["name"] in secrets:
        return secrets[reference["name"]][reference["key"]]
    data = find(rendered, "Secret", reference["name"])["data"]
    return base64.b64decode(data[reference["key"]]).decode()


def environment_of(o: Object, rendered: List[Object], folder: Path, secrets: Secrets = STAND_INS) -> Dict[str, str]:
    """The variables of the object's program. Its ConfigMap and the secret that pods share are written into the folder, and
    the paths of these files lead there; nothing else is other than in the pod."""
    container = container_of(o)
    environment: Dict[str, str] = {}
    listens_on_ipv6 = any("[::]" in variable.get("value", "") for variable in container["env"])
    for variable in container["env"]:
        if "value" in variable:
            # As the kubelet does it: with the variables that stand before.
            environment[variable["name"]] = REFERENCE.sub(lambda m: environment.get(m[1], m[0]), variable["value"])
        elif "fieldRef" in variable["valueFrom"]:
            environment[variable["name"]] = (FIELDS_OF_IPV6 if listens_on_ipv6 else FIELDS)[
                variable["valueFrom"]["fieldRef"]["fieldPath"]
            ]
        elif "secretKeyRef" in variable["valueFrom"]:
            environment[variable["name"]] = secret_value(rendered, variable["valueFrom"]["secretKeyRef"], secrets)

    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for volume in pod_template(o)["spec"]["volumes"]:
        if volume["name"] != "config":
            continue
        config = find(rendered, "ConfigMap", volume["configMap"]["name"])
        for name, text in config["data"].items():
            (folder / name).write_text(text)
        where = environment["WAGROUPS_CONFIG"]
        assert where.startswith(mounts["config"] + "/")
        environment["WAGROUPS_CONFIG"] = str(folder / where[len(mounts["config"]) + 1 :])
    for volume in pod_template(o)["spec"]["volumes"]:
        if volume["name"] != "cluster-secret":
            continue
        [item] = volume["secret"]["items"]
        reference = {"name": volume["secret"]["secretName"], "key": item["key"]}
        (folder / "cluster-secret").write_text(secret_value(rendered, reference, secrets))
        assert environment["WAGROUPS_CLUSTER__SECRET_FILE"] == f"{mounts['cluster-secret']}/{item['path']}"
        environment["WAGROUPS_CLUSTER__SECRET_FILE"] = str(folder / "cluster-secret")
    return environment
