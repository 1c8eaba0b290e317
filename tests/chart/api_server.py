"""As much of a Kubernetes API server as helm's `lookup` asks: one that holds a few Secrets."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List, Optional, Tuple

# Each kind that a scenario with Secrets of the chart's own has, by its group.
KINDS = {
    "v1": ["ConfigMap", "Pod", "Secret", "Service", "ServiceAccount"],
    "apps/v1": ["Deployment"],
    "batch/v1": ["Job"],
    "policy/v1": ["PodDisruptionBudget"],
}


def _discovery() -> Dict[str, Any]:
    groups = [version for version in KINDS if "/" in version]
    found: Dict[str, Any] = {
        "/version": {"major": "1", "minor": "31", "gitVersion": "v1.31.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [
                {"name": group.split("/")[0], "versions": [{"groupVersion": group, "version": group.split("/")[1]}]}
                for group in groups
            ],
        },
    }
    for version, kinds in KINDS.items():
        found[f"/apis/{version}" if "/" in version else "/api/v1"] = {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": [
                {"name": kind.lower() + "s", "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["get"]}
                for kind in kinds
            ],
        }
    return found


NOT_FOUND = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


class ApiServer:
    """Serves while it is entered; `arguments` lead helm to it."""

    def __init__(self, secrets: Dict[str, Dict[str, str]], namespace: str = "groups-test") -> None:
        self.asked: List[str] = []
        held = _discovery()
        for name, data in secrets.items():
            held[f"/api/v1/namespaces/{namespace}/secrets/{name}"] = {
                "kind": "Secret",
                "apiVersion": "v1",
                # Of the release, which else refuses to write over it.
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": {"app.kubernetes.io/managed-by": "Helm"},
                    "annotations": {"meta.helm.sh/release-name": "rel", "meta.helm.sh/release-namespace": namespace},
                },
                "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
            }
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                asked.append(path)
                found: Optional[Dict[str, Any]] = held.get(path)
                body = json.dumps(found or NOT_FOUND).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def arguments(self) -> Tuple[str, ...]:
        host, port = self._server.server_address[:2]
        return ("--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", f"http://{host}:{port}")

    def __enter__(self) -> "ApiServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
