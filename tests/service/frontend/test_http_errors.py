"""Every condition as an HTTP answer."""

import json

import pytest

from service.frontend.http_errors import error_response
from service.status import ANSWERS, Condition, ServiceError


@pytest.mark.parametrize("condition", list(Condition))
def test_every_condition_has_a_status_and_a_json_body(condition: Condition) -> None:
    response = error_response(ServiceError(condition, "what is wrong"), {"X-Request-Id": "r"})
    assert response.status_code == ANSWERS[condition].http_status
    body = json.loads(bytes(response.body))
    assert body == {"error": {"code": condition.name.lower(), "message": "what is wrong"}}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == "r"
    assert ("retry-after" in response.headers) is ANSWERS[condition].retry


@pytest.mark.parametrize(
    ("seconds", "told"), [(None, "1"), (0.01, "1"), (1.0, "1"), (7.2, "8"), (600.0, "600")]
)
def test_the_time_to_come_again_is_told_in_whole_seconds(seconds: float | None, told: str) -> None:
    response = error_response(ServiceError(Condition.QUOTA_EXCEEDED, "too much", seconds))
    assert response.headers["retry-after"] == told


def test_who_sends_no_key_is_told_how() -> None:
    response = error_response(ServiceError(Condition.UNAUTHENTICATED, "who are you"))
    assert response.headers["www-authenticate"] == "Bearer"
