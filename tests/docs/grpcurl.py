"""A stand-in for grpcurl where it is not installed: the same flags, and messages found by reflection.

python -m tests.docs.grpcurl [-plaintext] [-H HEADER] [-d JSON|@] [-max-time S] ADDRESS [list|describe] [NAME]
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

STATUS_EXIT = 64
"""grpcurl ends with this + the code of a status that is not OK."""


def main() -> int:
    """Run one command."""
    arguments = _parser().parse_args()
    with grpc.insecure_channel(arguments.address) as channel:
        reflection = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(reflection)
        if arguments.verb == "list":
            for name in _list(reflection, pool, arguments.name):
                print(name)
            return 0
        if arguments.verb == "describe":
            print(pool.FindMessageTypeByName(arguments.name).full_name)
            return 0
        service, _, method = arguments.verb.partition("/")
        return _call(channel, pool.FindServiceByName(service).FindMethodByName(method), arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grpcurl")
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-H", action="append", default=[], dest="headers")
    parser.add_argument("-d", dest="data", default="")
    parser.add_argument("-max-time", type=float, dest="max_time")
    parser.add_argument("address")
    parser.add_argument("verb")
    parser.add_argument("name", nargs="?")
    return parser


def _list(
    reflection: ProtoReflectionDescriptorDatabase, pool: DescriptorPool, service: str | None
) -> list[str]:
    if service is None:
        return sorted(reflection.get_services())
    return [method.full_name for method in pool.FindServiceByName(service).methods]


def _call(channel: grpc.Channel, method: MethodDescriptor, arguments: argparse.Namespace) -> int:
    given = sys.stdin.read() if arguments.data == "@" else arguments.data
    requests = [json_format.ParseDict(fields, _new(method.input_type)) for fields in _objects(given)]
    if not requests and not method.client_streaming:
        requests = [_new(method.input_type)]
    kinds = {(False, False): "unary_unary", (False, True): "unary_stream", (True, True): "stream_stream"}
    assert method.containing_service is not None
    call = getattr(channel, kinds[method.client_streaming, method.server_streaming])(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    metadata = [tuple(part.strip() for part in header.split(":", 1)) for header in arguments.headers]
    try:
        given_requests = iter(requests) if method.client_streaming else requests[0]
        answer = call(given_requests, metadata=metadata, timeout=arguments.max_time)
        for response in answer if method.server_streaming else [answer]:
            print(json_format.MessageToJson(response), flush=True)
    except grpc.RpcError as error:
        print(f"ERROR: {error.code().name}: {error.details()}", file=sys.stderr)
        return STATUS_EXIT + int(error.code().value[0])
    return 0


def _new(descriptor: Any) -> Message:
    return GetMessageClass(descriptor)()


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects one after the other."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        found, end = decoder.raw_decode(text)
        yield found
        text = text[end:].lstrip()


if __name__ == "__main__":
    sys.exit(main())
