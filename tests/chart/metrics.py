"""The program's metrics, read from where it declares them."""

from __future__ import annotations

import re
from typing import Dict, Set

from rendering import ROOT

SOURCE = "\n".join(
    file.read_text() for file in sorted((ROOT / "src/telemetry").glob("*metrics.rs"))
)

_NAMES = dict(re.findall(r'^(?:pub\(super\) )?const (\w+): &str = "(wagroups_\w+)";$', SOURCE, re.MULTILINE))

# Each metric with its kind.
METRICS: Dict[str, str] = {
    _NAMES[constant]: kind for kind, constant in re.findall(r"describe_(\w+)!\(\s*(\w+),", SOURCE)
}

# The largest of the buckets of times, in seconds.
BUCKETS_END = float(re.findall(r"[\d.]+", re.search(r"const SECONDS: .*?= \[(.*?)\];", SOURCE, re.DOTALL)[1])[-1])


def _words(*folders: str) -> Set[str]:
    """Every text between quotes in these sources: labels' values are written out there."""
    return {
        word
        for folder in folders
        for file in sorted((ROOT / "src" / folder).rglob("*.rs"))
        for word in re.findall(r'"(\w+)"', file.read_text())
    }


# What labels alerts ask for may be, by the place that writes them.
LABELS: Dict[str, Dict[str, Set[str]]] = {
    "wagroups_commit_failures_total": {},
    "wagroups_commit_conflicts_total": {},
    "wagroups_panics_total": {},
    "wagroups_watchers": {},
    "wagroups_commit_seconds": {},
    "wagroups_waha_ingress_lag_seconds": {},
    "wagroups_engine_wait_seconds": {"engine": _words("domain/session")},
    "wagroups_engine_calls_total": {"outcome": _words("engine/gateway")},
    "wagroups_comparisons_total": {"outcome": _words("app/groups")},
    "wagroups_waha_server_up": {},
    "wagroups_waha_stream_open": {},
    "wagroups_waha_ingress_refused_total": {"cause": _words("waha_ingress")},
    "wagroups_delivery_behind_seconds": {},
    "wagroups_webhook_subscriptions": {"state": _words("domain/webhook")},
    "wagroups_relay_behind_seconds": {},
    "wagroups_relay_state": {"state": _words("domain")},
    "wagroups_relay_lost_events_total": {},
    "wagroups_cluster_owner": {},
    "wagroups_cluster_role_changes_total": {},
    "wagroups_cluster_heartbeat_age_seconds": {},
    "wagroups_handed_on_total": {"surface": _words("cluster"), "outcome": _words("cluster")},
    "wagroups_log_lag_events": {},
    "wagroups_tls_certificate_expiry_timestamp_seconds": {"listener": {"grpc", "rest", "webhook", "ops", "cluster"}},
    # The names of gRPC's codes as `{code:?}` writes them.
    "wagroups_rpcs_total": {
        "code": {
            "Ok", "Cancelled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
            "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
            "Internal", "Unavailable", "DataLoss", "Unauthenticated",
        }
    },
}  # fmt: skip
