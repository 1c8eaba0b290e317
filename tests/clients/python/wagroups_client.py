"""Reaching wagroups from Python: the channel, its retries, the API key, and why a call failed.

Copy this file into your project. Besides the stubs it needs grpcio and googleapis-common-protos.
"""

from __future__ import annotations

import collections
import json
from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Tuple

import grpc
from google.rpc import error_details_pb2, status_pb2

# UNAVAILABLE is the one code that a stub may repeat by itself: with it the service says that nothing was
# sent to WhatsApp. But a connection that breaks during a call looks the same to the stub, so give every
# mutation a `request_id`: then a repeat can never act twice. A watch has its own loop, wagroups_resume.py.
_RETRY = {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{"service": "wagroups.v1.GroupsService"}, {"service": "wagroups.v1.SessionsService"}],
            "retryPolicy": _RETRY,
        },
        # The more specific name wins: no retries of the stub's own for watches.
        {"name": [{"service": "wagroups.v1.GroupsService", "method": "WatchGroupEvents"}]},
    ]
}


def connect(
    address: str,
    api_key: Optional[str] = None,
    credentials: Optional[grpc.ChannelCredentials] = None,
    options: Sequence[Tuple[str, Any]] = (),
) -> grpc.Channel:
    """Opens a channel, with TLS where there are credentials. One channel serves all threads and stubs."""
    options = [
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        # Notices a connection that died without a word.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        *options,
    ]
    if credentials is None:
        channel = grpc.insecure_channel(address, options)
    else:
        channel = grpc.secure_channel(address, credentials, options)
    return grpc.intercept_channel(channel, _ApiKey(api_key)) if api_key else channel


@dataclass(frozen=True)
class Failure:
    """Why a call failed. Decide on `reason`; `message` is for people and may change."""

    code: grpc.StatusCode
    message: str
    # The google.rpc details by their type; see errors.proto for what comes with which reason.
    details: Dict[type, Any]

    @property
    def reason(self) -> str:
        """A name of errors.proto without REASON_; empty where the error is not the service's own, such as
        a connection that broke."""
        info = self.details.get(error_details_pb2.ErrorInfo)
        return info.reason if info and info.domain == "wagroups.v1" else ""

    @property
    def metadata(self) -> Dict[str, str]:
        """What the reason is about, such as `group_id`."""
        info = self.details.get(error_details_pb2.ErrorInfo)
        return dict(info.metadata) if info else {}

    @property
    def violations(self) -> Dict[str, str]:
        """All fields that break a rule, by their paths, such as `participant_ids[2]`."""
        bad_request = self.details.get(error_details_pb2.BadRequest)
        return {v.field: v.description for v in bad_request.field_violations} if bad_request else {}

    @property
    def retry_delay(self) -> Optional[float]:
        """After how many seconds a repeat makes sense, where the service says so."""
        retry = self.details.get(error_details_pb2.RetryInfo)
        return retry.retry_delay.ToTimedelta().total_seconds() if retry else None


_DETAILS = {
    message.DESCRIPTOR.full_name: message
    for message in (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.RetryInfo,
        error_details_pb2.PreconditionFailure,
        error_details_pb2.QuotaFailure,
        error_details_pb2.ResourceInfo,
        error_details_pb2.RequestInfo,
    )
}


def explain(error: grpc.RpcError) -> Failure:
    """Reads the details that a failed call carries in its trailers."""
    details = {}
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                message = _DETAILS.get(packed.TypeName())
                if message is not None:
                    details[message] = message.FromString(packed.value)
    return Failure(error.code(), error.details() or "", details)


_CallDetails = collections.namedtuple(
    "_CallDetails", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")
)


class _ApiKey(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Sends the key with every call."""

    def __init__(self, key: str) -> None:
        self._header = ("authorization", f"Bearer {key}")

    def _with_key(self, details):
        metadata = [*(details.metadata or ()), self._header]
        return _CallDetails(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )

    def intercept_unary_unary(self, continuation, client_call_details, request):
        return continuation(self._with_key(client_call_details), request)

    def intercept_unary_stream(self, continuation, client_call_details, request):
        return continuation(self._with_key(client_call_details), request)
