"""Errors as gRPC statuses, from the one table."""

from typing import NoReturn

import grpc

from codec.errors import CodecError
from service.frontend.http_errors import RETRY_AFTER_SECONDS, internal_error
from service.status import ANSWERS, ServiceError, service_error

_RETRY = (("grpc-retry-pushback-ms", str(1000 * RETRY_AFTER_SECONDS)),)


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
    await context.abort(answer.grpc_code, error.message, _RETRY if answer.retry else ())
    raise AssertionError("abort returned")
