"""What the custom resources of the chart may hold.

Written down from the definitions of the Prometheus operator (monitoring.coreos.com/v1) and of the Gateway API
(gateway.networking.k8s.io/v1), and closed: a field that stands here under no name is a mistake.
"""

from __future__ import annotations

from typing import Any, Dict

Schema = Dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
SPAN: Schema = {"type": "string", "pattern": "^(([0-9]+)(ms|s|m|h|d|w|y))+$"}
HOST: Schema = {
    "type": "string",
    "maxLength": 253,
    "pattern": r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}


def closed(required: str = "", **properties: Schema) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": required.split(),
    }


def some(items: Schema, most: int = 64) -> Schema:
    return {"type": "array", "minItems": 1, "maxItems": most, "items": items}


def resource(api_version: str, kind: str, spec: Schema) -> Schema:
    metadata = closed("name namespace labels", name=TEXT, namespace=TEXT, labels=TEXTS, annotations=TEXTS)
    return closed(
        "apiVersion kind metadata spec",
        apiVersion={"const": api_version},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


RELABELING = closed(
    sourceLabels=some({"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}),
    separator={"type": "string"},
    targetLabel=TEXT,
    regex={"type": "string"},
    modulus={"type": "integer"},
    replacement={"type": "string"},
    action={"enum": ["replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"]},
)

SERVICE_MONITOR = resource(
    "monitoring.coreos.com/v1",
    "ServiceMonitor",
    closed(
        "selector endpoints",
        selector=closed(matchLabels=TEXTS),
        namespaceSelector=closed(matchNames=some(TEXT)),
        endpoints=some(
            closed(
                "port",
                port=TEXT,
                path=TEXT,
                interval=SPAN,
                scrapeTimeout=SPAN,
                scheme={"enum": ["http", "https"]},
                tlsConfig=closed("", serverName=TEXT, ca=closed("", secret=closed("name key", name=TEXT, key=TEXT))),
                relabelings=some(RELABELING),
                metricRelabelings=some(RELABELING),
            )
        ),
    ),
)

PROMETHEUS_RULE = resource(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    closed(
        "groups",
        groups=some(
            closed(
                "name rules",
                name=TEXT,
                rules=some(
                    closed("alert expr", **{
                        "alert": TEXT,
                        "expr": TEXT,
                        "for": SPAN,
                        "labels": TEXTS,
                        "annotations": TEXTS,
                    })
                ),
            )
        ),
    ),
)

HEADER = closed("name value", name=TEXT, value=TEXT)
HEADERS = closed(set=some(HEADER, 16), add=some(HEADER, 16), remove=some(TEXT, 16))

GRPC_ROUTE = resource(
    "gateway.networking.k8s.io/v1",
    "GRPCRoute",
    closed(
        "parentRefs rules",
        parentRefs=some(
            closed(
                "name",
                group=TEXT,
                kind=TEXT,
                namespace=TEXT,
                name=TEXT,
                sectionName=TEXT,
                port={"type": "integer", "minimum": 1, "maximum": 65535},
            ),
            32,
        ),
        hostnames=some(HOST, 16),
        rules=some(
            closed(
                backendRefs=some(
                    closed("name port", name=TEXT, port={"type": "integer", "minimum": 1, "maximum": 65535}), 16
                ),
                filters=some(
                    closed(
                        "type",
                        type={"enum": ["RequestHeaderModifier", "ResponseHeaderModifier"]},
                        requestHeaderModifier=HEADERS,
                        responseHeaderModifier=HEADERS,
                    ),
                    16,
                ),
            ),
            16,
        ),
    ),
)

SCHEMAS: Dict[str, Schema] = {
    "ServiceMonitor": SERVICE_MONITOR,
    "PrometheusRule": PROMETHEUS_RULE,
    "GRPCRoute": GRPC_ROUTE,
}
