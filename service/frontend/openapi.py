"""What `/docs` says of the raw-body routes, whose handlers read the request themselves."""

from typing import Any

from service.frontend import openapi_schemas as schemas
from service.frontend.openapi_schemas import Json

DESCRIPTION = """Audio in, tokens out; tokens in, audio out.

    curl --data-binary @speech.wav 'http://localhost:8000/encode?n_q=8' > speech.cdc
    curl --data-binary @speech.cdc http://localhost:8000/decode > decoded.wav

A service with keys wants `Authorization: Bearer KEY` with every request but those for health.
Live streams are a WebSocket at `/stream`, with the messages of gRPC's `codec.v1`. Errors are always
`{"error": {"code", "message"}}`."""

_BINARY: Json = {"schema": {"type": "string", "format": "binary"}}
_AUDIO_IN = ("audio/wav", "audio/flac", "audio/ogg", "audio/L16;rate=16000;channels=1")


def _parameter(name: str, schema: Json, text: str, example: Any, where: str = "query") -> Json:
    return {
        **{"name": name, "in": where, "required": where == "path", "schema": schema},
        **{"description": text, "example": example},
    }


def _choice(name: str, choices: tuple[str, ...]) -> Json:
    schema = {"type": "string", "enum": list(choices), "default": choices[0]}
    return _parameter(name, schema, "Form of the answer", choices[-1])


_MODEL = _parameter(
    "model",
    {"type": "string"},
    "`name`, `name@version` or `name@channel`; the default model if left out",
    "stream_16k@stable",
)
_N_Q = _parameter("n_q", {"type": "integer", "minimum": 1, "default": 8}, "Codebooks to use", 4)
_BITRATE = _parameter(
    "bitrate_bps",
    {"type": "integer", "minimum": 1},
    "Instead of n_q: the most codebooks whose bitrate does not exceed this",
    2000,
)
_TOKENS_FORMAT = _choice("format", ("cdc", "json", "npy"))
_AUDIO_FORMAT = _choice("format", ("wav", "flac", "pcm_s16le", "pcm_f32le"))
_TIMEOUT = _parameter(
    "X-Request-Timeout-Ms",
    {"type": "integer", "minimum": 1, "maximum": 3_600_000},
    "Give up after so many milliseconds",
    5000,
    "header",
)
_PRIORITY = _parameter(
    "X-Priority",
    {"type": "string", "enum": ["interactive", "bulk"], "default": "interactive"},
    "`bulk` is done when nothing else is there to do",
    "bulk",
    "header",
)
_HEADERS: Json = {
    name: {"schema": {"type": "string"}, "description": text, "example": example}
    for name, text, example in (
        ("X-Codec-Model", "That did the work", "stream_16k"),
        ("X-Codec-Version", "Its exact version", "4-97968ef119d3"),
        ("X-Codec-Token-Space", "What its codes mean", "ts-daebfe799390a73e"),
        ("X-Request-Id", "Of the request, or made for it; the logs have it", "5f0c2d8e9b1a4c37"),
        (
            "Server-Timing",
            "Milliseconds: waiting, running, in all",
            "queue;dur=0.1, run;dur=9.5, total;dur=11.2",
        ),
    )
}
_NAMED = "Model, version and token space are named by the X-Codec headers"
_BATCH = """One file of the answer for every file of the body, in the same order, sent as soon as it is done:
{answer}, or `NAME.error.json` with the error that a request with the file alone would get. A body that is
no sound archive, or stops coming, has `batch.error.json` as its last answer. Read while you send."""


def _operation(
    parameters: list[Json], body: tuple[str, ...], answer: tuple[str, ...], description: str = _NAMED
) -> Json:
    answers = dict.fromkeys(answer, _BINARY)
    if "application/json" in answers:
        answers |= schemas.content(schemas.TOKENS, schemas.TOKENS_EXAMPLE)
    return {
        "parameters": [*parameters, _TIMEOUT],
        "requestBody": {"required": True, "content": dict.fromkeys(body, _BINARY)},
        "responses": {
            "200": {"description": description, "content": answers}
            | ({"headers": _HEADERS} if description == _NAMED else {}),
            **schemas.errors(),
        },
    }


PAGE: Json = {"responses": schemas.errors()}


def _page(text: str, schema: Json, example: Json) -> Json:
    answer = {"description": text, "content": schemas.content(schema, example)}
    return {"responses": {"200": answer, **PAGE["responses"]}}


ENCODE = _operation(
    [_MODEL, _N_Q, _BITRATE, _TOKENS_FORMAT, _PRIORITY],
    _AUDIO_IN,
    ("application/vnd.codecd.cdc", "application/json", "application/octet-stream"),
)
DECODE = _operation(
    [_MODEL, _AUDIO_FORMAT, _PRIORITY],
    ("application/vnd.codecd.cdc",),
    ("audio/wav", "audio/flac", "application/octet-stream"),
)
RECONSTRUCT = _operation(
    [_MODEL, _N_Q, _BITRATE, _AUDIO_FORMAT, _PRIORITY],
    _AUDIO_IN,
    ("audio/wav", "audio/flac", "application/octet-stream"),
)
BATCH_ENCODE = _operation(
    [_MODEL, _N_Q, _BITRATE, _TOKENS_FORMAT],
    ("application/x-tar",),
    ("application/x-tar",),
    _BATCH.format(answer="`NAME.cdc`, or the ending of the format"),
)
BATCH_DECODE = _operation(
    [_MODEL, _AUDIO_FORMAT],
    ("application/x-tar",),
    ("application/x-tar",),
    _BATCH.format(answer="`NAME` without `.cdc`, with `.wav` or the ending of the format"),
)
MODELS = _page("What is served now", schemas.MODELS, schemas.MODELS_EXAMPLE)
MODEL_PAGE = _page(
    "What is served, what can be asked for, and what was refused", schemas.MODEL, schemas.MODEL_EXAMPLE
) | {
    "parameters": [
        _parameter("name", {"type": "string"}, "As the parameter `model` of requests", "stream_16k", "path")
    ]
}
CAPACITY = _page(
    "Room for live streams, for each version that takes them", schemas.CAPACITY, schemas.CAPACITY_EXAMPLE
)
HEALTH = _page("Well", schemas.HEALTH, schemas.HEALTH_EXAMPLE)
