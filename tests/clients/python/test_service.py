"""What the service says of itself: health, reflection, limits, keys."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from wagroups.v1 import groups_pb2 as pb

from harness import PATIENCE, Api, Session, refused

SERVICES = ["wagroups.v1.GroupsService", "wagroups.v1.SessionsService", "wagroups.v1.SimulatorService"]


@pytest.mark.parametrize("name", ["", *SERVICES])
def test_health_is_told_as_a_whole_and_by_service(api: Api, name: str) -> None:
    health = health_pb2_grpc.HealthStub(api.channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=PATIENCE)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(api: Api) -> None:
    health = health_pb2_grpc.HealthStub(api.channel)
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="wagroups.v1.None"), timeout=PATIENCE)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


# The messages of v1 and v1alpha are the same on the wire; grpcio-reflection has those of v1alpha.
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_shows_the_contract(api: Api, version: str) -> None:
    ask = api.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICES[0]),
    ]
    listed, file = ask(iter(requests), timeout=PATIENCE)
    names = [service.name for service in listed.list_services_response.service]
    assert set(SERVICES) <= set(names)
    assert "grpc.health.v1.Health" in names
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(bytes)
        for bytes in file.file_descriptor_response.file_descriptor_proto
    ]
    methods = {method.name for file in files for service in file.service for method in service.method}
    assert {method.name for method in pb.DESCRIPTOR.services_by_name["GroupsService"].methods} <= methods


# What stands in the details of errors, so that tools such as grpcurl show it.
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_knows_the_details_of_errors(api: Api, version: str) -> None:
    ask = api.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    names = ["ErrorInfo", "BadRequest", "RetryInfo", "ResourceInfo", "PreconditionFailure", "RequestInfo"]
    requests = [
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"google.rpc.{name}") for name in names
    ]
    for name, answer in zip(names, ask(iter(requests), timeout=PATIENCE)):
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(bytes)
            for bytes in answer.file_descriptor_response.file_descriptor_proto
        ]
        assert name in {message.name for file in files for message in file.message_type}, name


def test_a_method_that_the_contract_lacks(api: Api) -> None:
    call = api.channel.unary_unary(
        "/wagroups.v1.GroupsService/NoSuchMethod",
        request_serializer=pb.GetGroupRequest.SerializeToString,
        response_deserializer=pb.GetGroupResponse.FromString,
    )
    failure = refused(call, pb.GetGroupRequest())
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_FOUND")
    assert set(failure.metadata) == {"method"}


def test_a_message_that_is_too_large(api: Api, session: Session) -> None:
    request = pb.CreateGroupRequest(session=session.name, subject="Large", description="x" * (13 << 20))
    failure = refused(api.groups.CreateGroup, request)
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
    # Only a picture may be larger.
    assert failure.metadata == {"max_bytes": str(256 << 10)}
    assert session.events() == []


def test_every_answer_names_its_request(api: Api, session: Session) -> None:
    """By this id the service's log tells of the call."""
    request = pb.CountGroupsRequest(session=session.name)
    ids = set()
    for _ in range(2):
        _, call = api.groups.CountGroups.with_call(request, timeout=PATIENCE)
        ids.add(dict(call.trailing_metadata())["x-request-id"])
    try:
        api.groups.CountGroups(pb.CountGroupsRequest(session="nobody"), timeout=PATIENCE)
    except grpc.RpcError as error:
        ids.add(dict(error.trailing_metadata())["x-request-id"])
    assert len(ids) == 3 and all(ids)


def test_bytes_that_are_no_message(api: Api) -> None:
    call = api.channel.unary_unary(
        "/wagroups.v1.GroupsService/GetGroup",
        request_serializer=lambda request: request,
        response_deserializer=pb.GetGroupResponse.FromString,
    )
    failure = refused(call, b"\xff\xff\xff")
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
