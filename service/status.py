"""The one table that turns a condition into a gRPC status and an HTTP status."""

from dataclasses import dataclass
from enum import IntEnum

import grpc

from codec.errors import (
    CodecError,
    ContainerError,
    InvalidAudioError,
    InvalidRequestError,
    InvalidTokensError,
    LimitExceededError,
    NotFoundError,
    TokenSpaceMismatchError,
)


class Condition(IntEnum):
    """Why a request or a stream did not get what it asked for; numbers travel between processes."""

    INVALID_ARGUMENT = 1
    UNSUPPORTED_MEDIA = 2
    LIMIT_EXCEEDED = 3
    UNAUTHENTICATED = 4
    NOT_FOUND = 5
    TOKEN_SPACE_MISMATCH = 6
    OVERLOADED = 7
    UNAVAILABLE = 8
    DEADLINE_EXCEEDED = 9
    CANCELLED = 10
    SLOW_CONSUMER = 11
    INTERNAL = 12
    PERMISSION_DENIED = 13
    QUOTA_EXCEEDED = 14


@dataclass(frozen=True, slots=True)
class Answer:
    """How a condition is told: a gRPC code, an HTTP status, and whether to ask again later."""

    grpc_code: grpc.StatusCode
    http_status: int
    retry: bool = False


ANSWERS: dict[Condition, Answer] = {
    Condition.INVALID_ARGUMENT: Answer(grpc.StatusCode.INVALID_ARGUMENT, 400),
    Condition.UNSUPPORTED_MEDIA: Answer(grpc.StatusCode.INVALID_ARGUMENT, 415),
    Condition.LIMIT_EXCEEDED: Answer(grpc.StatusCode.INVALID_ARGUMENT, 413),
    Condition.UNAUTHENTICATED: Answer(grpc.StatusCode.UNAUTHENTICATED, 401),
    Condition.PERMISSION_DENIED: Answer(grpc.StatusCode.PERMISSION_DENIED, 403),
    Condition.NOT_FOUND: Answer(grpc.StatusCode.NOT_FOUND, 404),
    Condition.TOKEN_SPACE_MISMATCH: Answer(grpc.StatusCode.FAILED_PRECONDITION, 409),
    Condition.OVERLOADED: Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, 503, retry=True),
    Condition.QUOTA_EXCEEDED: Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, 429, retry=True),
    Condition.UNAVAILABLE: Answer(grpc.StatusCode.UNAVAILABLE, 503, retry=True),
    Condition.DEADLINE_EXCEEDED: Answer(grpc.StatusCode.DEADLINE_EXCEEDED, 504),
    Condition.CANCELLED: Answer(grpc.StatusCode.CANCELLED, 499),
    Condition.SLOW_CONSUMER: Answer(grpc.StatusCode.ABORTED, 408),
    Condition.INTERNAL: Answer(grpc.StatusCode.INTERNAL, 500),
}

_OF_ERROR: tuple[tuple[type[CodecError], Condition], ...] = (
    (InvalidAudioError, Condition.UNSUPPORTED_MEDIA),
    (InvalidTokensError, Condition.INVALID_ARGUMENT),
    (InvalidRequestError, Condition.INVALID_ARGUMENT),
    (LimitExceededError, Condition.LIMIT_EXCEEDED),
    (ContainerError, Condition.INVALID_ARGUMENT),
    (TokenSpaceMismatchError, Condition.TOKEN_SPACE_MISMATCH),
    (NotFoundError, Condition.NOT_FOUND),
)


class ServiceError(Exception):
    """A request that ends in a condition of the table, with a message for the caller.

    `retry_after_seconds`: when to ask again, where that is known better than the table knows it.
    """

    def __init__(self, condition: Condition, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.condition = condition
        self.message = message
        self.retry_after_seconds = retry_after_seconds


def service_error(error: CodecError) -> ServiceError:
    """The condition under which a library error is told to a caller; unknown kinds are INTERNAL."""
    for kind, condition in _OF_ERROR:
        if isinstance(error, kind):
            return ServiceError(condition, str(error))
    return ServiceError(Condition.INTERNAL, str(error))
