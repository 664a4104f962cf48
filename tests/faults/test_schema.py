"""What `/openapi.json` promises, asked for in every way that schemathesis thinks of.

Against a front end with a worker that does nothing: what the schema says of is all in the front end.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis

# Loaded from here: it would be when first used, so deep in the stack that Python 3.11 cannot parse all of it.
import schemathesis.specs.openapi.schemas
from hypothesis import HealthCheck, Phase
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.service.frontend.harness import Service, running, wav

_CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@schemathesis.serializer(
    "audio/wav", "audio/flac", "audio/ogg", "audio/L16", "audio/L16;rate=16000;channels=1",
    "application/vnd.codecd.cdc", "application/x-tar",
)  # fmt: skip
def as_bytes(_: Any, value: Any) -> bytes:
    """Bodies of bytes, as they are; whatever else schemathesis makes up as its text."""
    content = getattr(value, "data", value)
    return content if isinstance(content, bytes) else str(content).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A front end with one echo worker."""
    with running() as service:
        yield service


def examine(service: Service, examples: int) -> int:
    """Ask for every operation in so many ways; the number of requests."""
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    asked = 0

    results: Iterator[Any] = iter(schema.get_all_operations())
    for result in results:
        operation = result.ok()

        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=_CHECKS, timeout=20)

        ask()
    return asked


@pytest.mark.parametrize(
    "examples", [12, pytest.param(1500, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_every_operation_answers_as_the_schema_says(examples: int, service: Service) -> None:
    assert examine(service, examples) > examples
    answer = httpx.post(f"{service.url}/encode", content=wav(0.1))
    assert answer.status_code == 200, "the next good request"
