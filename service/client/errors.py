"""What a client raises when the service does not give what was asked for."""

import json
from collections.abc import Iterable

import grpc
import httpx

_DEFAULT_RETRY_SECONDS = 1.0
# grpc's word for a stream that was reset without a status: the other end, or a proxy, has died.
_CUT = "RST_STREAM"


class ClientError(Exception):
    """Base of all; `code` is the service's word for the condition, for example `not_found`.

    `retry_after_seconds` says when the same request may succeed; None means that it will not.
    """

    def __init__(self, code: str, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class RefusedError(ClientError):
    """The request cannot be served as it is: a bad parameter, audio that is none, foreign tokens."""


class TryAgainError(ClientError):
    """The service is full, restarting, going away, or cannot be reached; `retry_after_seconds` is set."""


class DeadlineError(ClientError):
    """The time allowed was not enough."""


class ServiceFailedError(ClientError):
    """The service has a defect; the message carries an id for its operator."""


_KINDS: dict[str, type[ClientError]] = {
    # What proxies say of replicas that cannot be reached, or that were gone before they had answered.
    "http_502": TryAgainError,
    "http_503": TryAgainError,
    "http_504": DeadlineError,
    "overloaded": TryAgainError,
    "quota_exceeded": TryAgainError,
    "resource_exhausted": TryAgainError,
    "unavailable": TryAgainError,
    "slow_consumer": RefusedError,
    "deadline_exceeded": DeadlineError,
    "internal": ServiceFailedError,
    "unknown": ServiceFailedError,
}


def from_response(response: httpx.Response) -> ClientError:
    """The error that an HTTP answer other than 200 means."""
    try:
        error = json.loads(response.content)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        # Not our service's words: a proxy stands between.
        code, message = f"http_{response.status_code}", response.reason_phrase
    retry = response.headers.get("retry-after", "")
    return _make(code, message, float(retry) if retry.isdigit() else None)


def from_transport(error: httpx.TransportError) -> ClientError:
    """The error that a connection which broke or never was means."""
    if isinstance(error, httpx.TimeoutException):
        return DeadlineError("deadline_exceeded", f"no answer in time: {error!r}")
    return TryAgainError("unavailable", f"the service cannot be reached: {error!r}", _DEFAULT_RETRY_SECONDS)


def from_rpc(error: grpc.RpcError) -> ClientError:
    """The error that a gRPC status means."""
    # Raised errors are calls as well, which the base class does not tell.
    assert isinstance(error, grpc.Call | grpc.aio.AioRpcError)
    code = error.code().name.lower()
    # A call that its client has not cancelled was cut by a proxy.
    if code == "cancelled" or (code == "internal" and _CUT in (error.details() or "")):
        code = "unavailable"
    return _make(code, error.details() or "no details", _pushback_seconds(error.trailing_metadata() or ()))


def _make(code: str, message: str, retry_after_seconds: float | None) -> ClientError:
    kind = _KINDS.get(code, ServiceFailedError if code.startswith("http_5") else RefusedError)
    if kind is TryAgainError and retry_after_seconds is None:
        retry_after_seconds = _DEFAULT_RETRY_SECONDS
    return kind(code, message, retry_after_seconds)


def _pushback_seconds(metadata: Iterable[tuple[str, str | bytes]]) -> float | None:
    for name, value in metadata:
        if name == "grpc-retry-pushback-ms":
            return float(value) / 1000
    return None
