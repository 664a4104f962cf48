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
