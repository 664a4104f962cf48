"""The docs say what the code does."""

from typing import Any
from urllib.parse import urlencode

import pytest

from service.frontend import openapi
from service.frontend.queries import decode_query, encode_query, reconstruct_query
from service.status import ANSWERS

_OPERATIONS = (
    (openapi.ENCODE, encode_query),
    (openapi.DECODE, decode_query),
    (openapi.RECONSTRUCT, reconstruct_query),
)


@pytest.mark.parametrize(("operation", "parse"), _OPERATIONS)
def test_documented_parameters_and_choices_are_accepted(operation: dict[str, Any], parse: Any) -> None:
    named = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    for parameter in named:
        schema = parameter["schema"]
        for value in schema.get("enum", ["1"]):
            parse(urlencode({parameter["name"]: value}).encode())
        if "enum" in schema:
            assert parse(b"").format == schema["default"]


def test_every_status_of_the_table_is_documented() -> None:
    statuses = {str(answer.http_status) for answer in ANSWERS.values()}
    assert openapi.ENCODE["responses"].keys() == statuses | {"200"}
    assert openapi.MODEL_PAGE["responses"].keys() == statuses
