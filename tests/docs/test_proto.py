"""The contract explains itself: every message, field and call, and the examples of the calls work."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.service.frontend.harness import START_SECONDS, Service, running, wait_until
from tests.support import REPOSITORY_ROOT

SPEAKING = {"identity", "model", "rate"}
"""Fields whose type says all, and alternatives of a message are explained where their own message is."""
EMPTY_REQUESTS = {"ListModelsRequest", "WatchModelsRequest"}


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorProto:
    """codec.proto with its comments."""
    out = tmp_path_factory.mktemp("proto") / "codec.pb"
    options = ["-I.", "--include_source_info", f"--descriptor_set_out={out}"]
    compiler = [sys.executable, "-m", "grpc_tools.protoc", *options]
    subprocess.run([*compiler, "proto/codec/v1/codec.proto"], cwd=REPOSITORY_ROOT, check=True)
    (file,) = FileDescriptorSet.FromString(Path(out).read_bytes()).file
    return file


def test_every_message_field_and_call_is_explained(contract: FileDescriptorProto) -> None:
    said = {tuple(place.path): place for place in contract.source_code_info.location}

    def is_bare(*path: int) -> bool:
        place = said[path]
        return not (place.leading_comments.strip() or place.trailing_comments.strip())

    bare = []
    for at, message in enumerate(contract.message_type):
        if message.name not in EMPTY_REQUESTS and is_bare(4, at):
            bare.append(message.name)
        for nth, field in enumerate(message.field):
            alternative = (
                field.HasField("oneof_index") and message.oneof_decl[field.oneof_index].name == "message"
            )
            if not alternative and field.name not in SPEAKING and is_bare(4, at, 2, nth):
                bare.append(f"{message.name}.{field.name}")
    for at, enum in enumerate(contract.enum_type):
        bare += [enum.name] if is_bare(5, at) else []
        bare += [value.name for nth, value in enumerate(enum.value) if is_bare(5, at, 2, nth)]
    for at, service in enumerate(contract.service):
        bare += [service.name] if is_bare(6, at) else []
        bare += [method.name for nth, method in enumerate(service.method) if is_bare(6, at, 2, nth)]
    assert not bare, "\n".join(bare)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service whose model has the name that the examples say."""
    with running() as service:
        service.add_worker(model="stream_16k", token_space="ts-daebfe799390a73e")
        wait_until(lambda: service.get("/models/stream_16k").status_code == 200, START_SECONDS)
        yield service


def _examples(contract: FileDescriptorProto) -> list[tuple[str, str, list[str]]]:
    """Service, method and the messages of every example."""
    said = {tuple(place.path): place.leading_comments for place in contract.source_code_info.location}
    found = []
    for at, service in enumerate(contract.service):
        for nth, method in enumerate(service.method):
            example = re.search(r"In JSON:\n\s*(\{.*\})\n", said[6, at, 2, nth])
            if example is not None:
                found.append((service.name, method.name, re.split(r"(?<=\}) (?=\{)", example.group(1))))
    return found


def test_the_examples_of_the_calls_are_accepted(contract: FileDescriptorProto, service: Service) -> None:
    examples = _examples(contract)
    assert len(examples) == 6
    with grpc.insecure_channel(service.grpc_target) as channel:
        stubs: dict[str, Any] = {
            "Codec": codec_pb2_grpc.CodecStub(channel),
            "Models": codec_pb2_grpc.ModelsStub(channel),
        }
        for name, method, texts in examples:
            descriptor = pb.DESCRIPTOR.services_by_name[name].methods_by_name[method]
            kind = getattr(pb, descriptor.input_type.name)
            requests = [json_format.Parse(text, kind()) for text in texts]
            call = getattr(stubs[name], method)
            if descriptor.client_streaming:
                answers = list(call(iter(requests), timeout=60))
                assert answers[-1].WhichOneof("message") == "summary", method
            else:
                assert call(requests[0], timeout=60).ByteSize()
