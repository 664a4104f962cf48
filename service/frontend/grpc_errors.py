"""Errors as gRPC statuses, from the one table."""

import math
from typing import NoReturn

import grpc

from service.frontend.http_errors import RETRY_AFTER_SECONDS
from service.status import ANSWERS, ServiceError

_MAX_MESSAGE_CHARACTERS = 500
"""Up to twelve bytes each on the wire."""


async def abort(context: grpc.aio.ServicerContext, error: ServiceError) -> NoReturn:  # type: ignore[type-arg]
    """End an RPC as the table says; raises what gRPC needs to leave the handler."""
    answer = ANSWERS[error.condition]
    retry_ms = math.ceil(1000 * (error.retry_after_seconds or RETRY_AFTER_SECONDS))
    metadata = (("grpc-retry-pushback-ms", str(retry_ms)),) if answer.retry else ()
    # Clients take 8 KiB of trailers; the words of callers in a message may be of any length.
    message = error.message[:_MAX_MESSAGE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")
    await context.abort(answer.grpc_code, message, metadata)
    raise AssertionError("abort returned")
