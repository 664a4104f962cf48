"""Answers and statuses as exceptions with hints."""

import grpc
import httpx
import pytest

from service.client.errors import (
    ClientError,
    DeadlineError,
    RefusedError,
    ServiceFailedError,
    TryAgainError,
    from_response,
    from_rpc,
    from_transport,
)
from service.frontend.http_errors import error_response
from service.status import Condition, ServiceError

_TRY_AGAIN = {Condition.OVERLOADED, Condition.QUOTA_EXCEEDED, Condition.UNAVAILABLE}


@pytest.mark.parametrize("condition", list(Condition))
def test_every_condition_is_an_error_of_the_right_kind(condition: Condition) -> None:
    sent = error_response(ServiceError(condition, "what is wrong"))
    error = from_response(
        httpx.Response(sent.status_code, headers=dict(sent.headers), content=bytes(sent.body))
    )
    kinds: dict[Condition, type[ClientError]] = {
        Condition.DEADLINE_EXCEEDED: DeadlineError,
        Condition.INTERNAL: ServiceFailedError,
        **dict.fromkeys(_TRY_AGAIN, TryAgainError),
    }
    assert type(error) is kinds.get(condition, RefusedError)
    assert (error.code, error.message) == (condition.name.lower(), "what is wrong")
    assert (error.retry_after_seconds is not None) is (condition in _TRY_AGAIN)


def test_words_of_a_proxy_are_no_secret() -> None:
    error = from_response(httpx.Response(505, content=b"<html>no</html>"))
    assert isinstance(error, ServiceFailedError)
    assert error.code == "http_505"
    assert type(from_response(httpx.Response(418, content=b"{}"))) is RefusedError


@pytest.mark.parametrize("status", [502, 503])
def test_a_proxy_without_a_replica_may_be_asked_again(status: int) -> None:
    error = from_response(httpx.Response(status, content=b"<html>bad gateway</html>"))
    assert isinstance(error, TryAgainError)
    assert error.retry_after_seconds == 1.0
    assert isinstance(from_response(httpx.Response(504, content=b"<html>")), DeadlineError)


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (grpc.StatusCode.CANCELLED, "Stream removed", TryAgainError),
        (grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2", TryAgainError),
        (grpc.StatusCode.INTERNAL, "the model failed", ServiceFailedError),
        (grpc.StatusCode.INVALID_ARGUMENT, "n_q", RefusedError),
    ],
)
def test_a_stream_that_a_proxy_has_cut_may_be_opened_again(
    code: grpc.StatusCode, details: str, kind: type[ClientError]
) -> None:
    nothing = grpc.aio.Metadata()
    error = from_rpc(grpc.aio.AioRpcError(code, nothing, nothing, details))
    assert type(error) is kind


def test_a_connection_that_breaks_may_be_tried_again() -> None:
    assert from_transport(httpx.ConnectError("refused")).retry_after_seconds == 1.0
    assert isinstance(from_transport(httpx.ReadTimeout("slow")), DeadlineError)
