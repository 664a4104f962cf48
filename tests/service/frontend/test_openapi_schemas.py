"""The examples of the JSON are what their schemas say, and so is what the service sends."""

from typing import Any

import httpx
import jsonschema_rs
import pytest

from service.frontend import openapi_schemas as schemas
from service.status import ANSWERS, Condition
from tests.service.frontend.harness import Service, wav

_EXAMPLES = [
    (schemas.TOKENS, schemas.TOKENS_EXAMPLE),
    (schemas.MODELS, schemas.MODELS_EXAMPLE),
    (schemas.MODEL, schemas.MODEL_EXAMPLE),
    (schemas.HEALTH, schemas.HEALTH_EXAMPLE),
]


@pytest.mark.parametrize(("schema", "example"), _EXAMPLES)
def test_an_example_is_what_its_schema_says(schema: dict[str, Any], example: dict[str, Any]) -> None:
    jsonschema_rs.validate(schema, example)
    assert example.keys() <= schema["properties"].keys()


def test_the_service_sends_what_the_schemas_say(service: Service) -> None:
    encoded = httpx.post(f"{service.url}/encode?format=json&n_q=2", content=wav(0.1))
    for schema, response in (
        (schemas.TOKENS, encoded),
        (schemas.MODELS, service.get("/models")),
        (schemas.MODEL, service.get("/models/echo_16k")),
        (schemas.HEALTH, service.get("/health/ready")),
    ):
        jsonschema_rs.validate(schema, response.json())
        assert response.json().keys() <= schema["properties"].keys()
    refused = httpx.post(f"{service.url}/encode", content=b"no audio")
    jsonschema_rs.validate(schemas.ERROR, refused.json())


def test_every_condition_has_an_example_under_its_status() -> None:
    answers = schemas.errors()
    for condition in Condition:
        answer = answers[str(ANSWERS[condition].http_status)]
        examples = answer["content"]["application/json"]["examples"]
        example = examples[condition.name.lower()]["value"]
        jsonschema_rs.validate(schemas.ERROR, example)
        assert example["error"]["code"] == condition.name.lower()
        assert ("Retry-After" in answer.get("headers", {})) == ANSWERS[condition].retry
