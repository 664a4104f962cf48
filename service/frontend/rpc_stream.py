"""Live streams over gRPC."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from service.frontend.grpc_errors import abort
from service.frontend.stream_server import StreamServer, Wire
from service.frontend.stream_sides import StreamSide
from service.status import ServiceError

logger = logging.getLogger(__name__)


async def serve_rpc(
    streams: StreamServer, side: StreamSide, requests: AsyncIterator[Any], context: Any
) -> None:
    """Serve one RPC; `context`: grpc.aio's servicer context."""
    try:
        await streams.serve(side, Wire(aiter(requests), context.write))
    except ServiceError as error:
        try:
            # A client that does not read must not hold the RPC for ever.
            async with asyncio.timeout(streams.limits.slow_reader_seconds):
                await abort(context, error)
        except TimeoutError:
            logger.info("a client did not read that its stream ended: %s", error)
