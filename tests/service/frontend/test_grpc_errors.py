"""Exceptions as conditions; the statuses themselves are tested over sockets in `test_rpc_codec`."""

import logging

import pytest

from codec.errors import InvalidTokensError, LimitExceededError
from service.frontend.http_errors import problem_of
from service.status import Condition, ServiceError


def test_errors_of_service_and_library_keep_their_meaning() -> None:
    mine = ServiceError(Condition.OVERLOADED, "full")
    assert problem_of(mine) is mine
    assert problem_of(InvalidTokensError("bad")).condition is Condition.INVALID_ARGUMENT
    assert problem_of(LimitExceededError("long")).condition is Condition.LIMIT_EXCEEDED


def test_a_defect_is_logged_and_its_words_are_kept_inside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        problem = problem_of(KeyError("a secret"))
    assert problem.condition is Condition.INTERNAL
    assert "secret" not in problem.message
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].getMessage().split()[-1] in problem.message
