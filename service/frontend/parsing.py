"""A message that does not parse is its caller's mistake; gRPC itself would call it a defect of ours."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError

from service.frontend.grpc_errors import abort
from service.frontend.metrics import Metrics
from service.status import Condition, ServiceError

Handler = Any
"""`grpc.RpcMethodHandler`, whose fields its stubs do not name."""


class ParsingServer:
    """Stands in for a server where generated code adds a service to it.

    Calls whose requests do not parse end in INVALID_ARGUMENT; streams raise that where they are read. All
    messages are counted.
    """

    def __init__(self, server: grpc.aio.Server, metrics: Metrics) -> None:
        self._server = server
        self._metrics = metrics

    @classmethod
    def of(cls, server: grpc.aio.Server, metrics: Metrics) -> grpc.aio.Server:
        """The stand-in, as what generated code asks for."""
        return cast(grpc.aio.Server, cls(server, metrics))

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """The same handlers as those that come by name."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Handler]) -> None:
        """Add the methods of a service, by name."""
        parsing = {name: _parsing(handler, self._metrics) for name, handler in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service, parsing)
        self._server.add_generic_rpc_handlers((generic,))


def _parsing(handler: Handler, metrics: Metrics) -> Handler:
    parse = _parser(handler.request_deserializer, metrics.grpc_received)
    serialize = _serializer(handler.response_serializer, metrics.grpc_sent)
    if handler.request_streaming:
        serve_stream = handler.stream_stream

        async def serve_all(requests: AsyncIterator[Any], context: Any) -> None:
            await serve_stream(_parsed(requests), context)

        return grpc.stream_stream_rpc_method_handler(serve_all, parse, serialize)
    serve_one = handler.unary_stream if handler.response_streaming else handler.unary_unary

    async def serve(request: Any, context: Any) -> Any:
        if isinstance(request, ServiceError):
            await abort(context, request)
        return await serve_one(request, context)

    kind = (
        grpc.unary_stream_rpc_method_handler
        if handler.response_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return kind(serve, parse, serialize)


def _serializer(serialize: Callable[[Any], bytes], count: Callable[[], None]) -> Callable[[Any], bytes]:
    def serialize_and_count(message: Any) -> bytes:
        count()
        return serialize(message)

    return serialize_and_count


def _parser(parse: Callable[[bytes], Any], count: Callable[[], None]) -> Callable[[bytes], Any]:
    def parse_or_tell(content: bytes) -> Any:
        count()
        try:
            return parse(content)
        except DecodeError as error:
            message = f"the message cannot be parsed: {error}; send messages of codec.v1"
            return ServiceError(Condition.INVALID_ARGUMENT, message)

    return parse_or_tell


async def _parsed(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        if isinstance(request, ServiceError):
            raise request
        yield request
