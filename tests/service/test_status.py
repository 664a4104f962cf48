"""The table of conditions is whole, and library errors find their row."""

import grpc
import pytest

from codec import errors
from service.status import ANSWERS, Condition, ServiceError, service_error


def test_every_condition_has_an_answer() -> None:
    assert set(ANSWERS) == set(Condition)


def test_answers_agree_across_protocols() -> None:
    for condition, answer in ANSWERS.items():
        assert answer.grpc_code is not grpc.StatusCode.OK, condition
        assert 400 <= answer.http_status < 600, condition
        if answer.grpc_code is grpc.StatusCode.INVALID_ARGUMENT:
            assert answer.http_status < 500, condition


def test_only_what_another_worker_or_moment_may_grant_is_to_be_retried() -> None:
    assert {c for c, answer in ANSWERS.items() if answer.retry} == {
        Condition.OVERLOADED,
        Condition.QUOTA_EXCEEDED,
        Condition.UNAVAILABLE,
    }


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (errors.InvalidAudioError("x"), Condition.UNSUPPORTED_MEDIA),
        (errors.InvalidTokensError("x"), Condition.INVALID_ARGUMENT),
        (errors.InvalidRequestError("x"), Condition.INVALID_ARGUMENT),
        (errors.LimitExceededError("x"), Condition.LIMIT_EXCEEDED),
        (errors.ContainerError("x"), Condition.INVALID_ARGUMENT),
        (errors.TokenSpaceMismatchError("x"), Condition.TOKEN_SPACE_MISMATCH),
        (errors.NotFoundError("x"), Condition.NOT_FOUND),
        (errors.RepositoryError("x"), Condition.INTERNAL),
        (errors.ConfigError("x"), Condition.INTERNAL),
    ],
)
def test_library_errors_are_told_as_their_condition(error: errors.CodecError, condition: Condition) -> None:
    told = service_error(error)
    assert isinstance(told, ServiceError)
    assert (told.condition, told.message) == (condition, "x")
