"""The docs say what the code does."""

import io
import tarfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
import soundfile

from codec.audio import encode_audio
from codec.container import write_cdc
from codec.tokens import TokenIdentity, Tokens
from service.frontend import openapi
from service.frontend.queries import decode_query, encode_query, reconstruct_query
from service.status import ANSWERS
from tests.service.echo_worker import CODEBOOK_SIZE, HOP_SAMPLES, SAMPLE_RATE
from tests.service.frontend.harness import START_SECONDS, Service, running, tone, wait_until

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
    assert openapi.MODEL_PAGE["responses"].keys() == statuses | {"200"}


@pytest.fixture(scope="module")
def documented() -> Iterator[Service]:
    """A service whose model has the name that the examples say."""
    with running() as service:
        service.add_worker(model="stream_16k")
        wait_until(lambda: service.get("/models/stream_16k").status_code == 200, START_SECONDS)
        yield service


def test_every_example_of_a_parameter_and_every_type_of_body_is_accepted(documented: Service) -> None:
    paths = documented.get("/openapi.json").json()["paths"]
    asked = 0
    for path, operations in paths.items():
        for method, operation in operations.items():
            for request in _requests(documented.url + path, method, operation):
                response = httpx.request(method, **request)
                answer = operation["responses"]["200"]
                assert response.status_code == 200, (request, response.text)
                assert response.headers["content-type"].partition(";")[0] in answer["content"]
                assert {name.lower() for name in answer.get("headers", {})} <= set(response.headers)
                asked += 1
    assert asked >= 30


def _requests(url: str, method: str, operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The operation with each body and no parameter, and with each parameter as its example."""
    parameters = operation.get("parameters", [])
    of_path = {
        parameter["name"]: parameter["example"] for parameter in parameters if parameter["in"] == "path"
    }
    bodies = operation.get("requestBody", {}).get("content", {None: None})
    common = {"url": url.format(**of_path), "timeout": 60}
    headers: dict[str, str] = {}
    body = b""
    for media_type in bodies:
        headers = {} if media_type is None else {"Content-Type": media_type}
        body = b"" if media_type is None else _body(url, media_type)
        yield common | {"headers": headers, "content": body}
    for parameter in parameters:
        where, given = parameter["in"], {parameter["name"]: str(parameter["example"])}
        if where == "query":
            yield common | {"headers": headers, "content": body, "params": given}
        elif where == "header":
            yield common | {"headers": headers | given, "content": body}


def _body(url: str, media_type: str) -> bytes:
    """A body of a documented type."""
    samples = tone(0.2)[None]
    tokens = Tokens(
        *(np.zeros((1, 12), np.uint16), TokenIdentity("echo_16k", "1-aaaaaaaaaaaa", "space-a")),
        *(SAMPLE_RATE, HOP_SAMPLES, 3200, CODEBOOK_SIZE),
    )
    ogg = io.BytesIO()
    soundfile.write(ogg, samples.T, SAMPLE_RATE, format="OGG")
    wav = encode_audio(samples, SAMPLE_RATE, "wav")
    bodies = {
        "audio/wav": wav,
        "audio/flac": encode_audio(samples, SAMPLE_RATE, "flac"),
        "audio/ogg": ogg.getvalue(),
        "audio/L16;rate=16000;channels=1": encode_audio(samples, SAMPLE_RATE, "pcm_s16le"),
        "application/vnd.codecd.cdc": write_cdc(tokens),
        "application/x-tar": _tar(wav if url.endswith("/encode") else write_cdc(tokens)),
    }
    return bodies[media_type]


def _tar(content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("a")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()
