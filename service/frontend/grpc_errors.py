"""Errors as gRPC statuses, from the one table."""

import math
from typing import NoReturn

import grpc

from codec.errors import CodecError
from service.frontend.http_errors import RETRY_AFTER_SECONDS, internal_error
from service.status import ANSWERS, ServiceError, service_error

_MAX_MESSAGE_CHARACTERS = 500
"""Up to twelve bytes each on the wire."""


def problem_of(error: Exception) -> ServiceError:
    """The condition under which an exception is told; a defect is logged and told as INTERNAL."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, CodecError):
        return service_error(error)
    return internal_error(error)


async def abort(context: grpc.aio.ServicerContext, error: ServiceError) -> NoReturn:  # type: ignore[type-arg]
    """End an RPC as the table says; raises what gRPC needs to leave the handler."""
    answer = ANSWERS[error.condition]
    retry_ms = math.ceil(1000 * (error.retry_after_seconds or RETRY_AFTER_SECONDS))
    metadata = (("grpc-retry-pushback-ms", str(retry_ms)),) if answer.retry else ()
    # Clients take 8 KiB of trailers; the words of callers in a message may be of any length.
    message = error.message[:_MAX_MESSAGE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")
    await context.abort(answer.grpc_code, message, metadata)
    raise AssertionError("abort returned")
