"""A message that does not parse is its caller's mistake; gRPC itself would call it a defect of ours."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError

from service.frontend.grpc_errors import abort
from service.status import Condition, ServiceError

Handler = Any
"""`grpc.RpcMethodHandler`, whose fields its stubs do not name."""


class ParsingServer:
    """Stands in for a server where generated code adds a service to it.

    Calls whose requests do not parse end in INVALID_ARGUMENT; streams raise that where they are read.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    @classmethod
    def of(cls, server: grpc.aio.Server) -> grpc.aio.Server:
        """The stand-in, as what generated code asks for."""
        return cast(grpc.aio.Server, cls(server))

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """The same handlers as those that come by name."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Handler]) -> None:
        """Add the methods of a service, by name."""
        parsing = {name: _parsing(handler) for name, handler in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service, parsing)
        self._server.add_generic_rpc_handlers((generic,))


def _parsing(handler: Handler) -> Handler:
    parse = _parser(handler.request_deserializer)
    if handler.request_streaming:
        serve_stream = handler.stream_stream

        async def serve_all(requests: AsyncIterator[Any], context: Any) -> None:
            await serve_stream(_parsed(requests), context)

        return grpc.stream_stream_rpc_method_handler(serve_all, parse, handler.response_serializer)
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
    return kind(serve, parse, handler.response_serializer)


def _parser(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parse_or_tell(content: bytes) -> Any:
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
