"""What `/docs` says of the raw-body routes, whose handlers read the request themselves."""

from typing import Any

from service.status import ANSWERS, Condition

Json = dict[str, Any]

_BINARY: Json = {"schema": {"type": "string", "format": "binary"}}
_AUDIO_IN = ("audio/wav", "audio/flac", "audio/ogg", "audio/L16;rate=16000;channels=1")


def _parameter(name: str, schema: Json, text: str) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": f"{text}; null until every worker has told",
    }


def _choice(name: str, choices: tuple[str, ...]) -> Json:
    schema = {"type": "string", "enum": list(choices), "default": choices[0]}
    return _parameter(name, schema, "Form of the answer")


_MODEL = _parameter(
    "model", {"type": "string"}, "`name`, `name@version` or `name@channel`; the default model if left out"
)
_N_Q = _parameter("n_q", {"type": "integer", "minimum": 1, "default": 8}, "Codebooks to use")
_BITRATE = _parameter(
    "bitrate_bps",
    {"type": "integer", "minimum": 1},
    "Instead of n_q: the most codebooks whose bitrate does not exceed this",
)
_TOKENS_FORMAT = _choice("format", ("cdc", "json", "npy"))
_AUDIO_FORMAT = _choice("format", ("wav", "flac", "pcm_s16le", "pcm_f32le"))
_TIMEOUT: Json = {
    "name": "X-Request-Timeout-Ms",
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 1},
    "description": "Give up after so many milliseconds",
}


_PRIORITY: Json = {
    "name": "X-Priority",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": ["interactive", "bulk"], "default": "interactive"},
    "description": "`bulk` is done when nothing else is there to do",
}
_NAMED = "Model, version and token space are named by the X-Codec headers"
_BATCH = """One file of the answer for every file of the body, in the same order, sent as soon as it is done:
{answer}, or `NAME.error.json` with the error that a request with the file alone would get. A body that is
no sound archive, or stops coming, has `batch.error.json` as its last answer. Read while you send."""


def _operation(
    parameters: list[Json], body: tuple[str, ...], answer: tuple[str, ...], description: str = _NAMED
) -> Json:
    return {
        "parameters": [*parameters, _TIMEOUT],
        "requestBody": {"required": True, "content": dict.fromkeys(body, _BINARY)},
        "responses": {
            "200": {
                "description": description,
                "content": dict.fromkeys(answer, _BINARY),
            },
            **_errors(),
        },
    }


def _errors() -> Json:
    error = {"type": "object", "properties": {"code": {"type": "string"}, "message": {"type": "string"}}}
    schema = {"type": "object", "properties": {"error": error}}
    by_status: dict[str, list[str]] = {}
    for condition in Condition:
        by_status.setdefault(str(ANSWERS[condition].http_status), []).append(condition.name.lower())
    return {
        status: {"description": " or ".join(codes), "content": {"application/json": {"schema": schema}}}
        for status, codes in sorted(by_status.items())
    }


def _capacity_answer() -> Json:
    count = {"type": "integer"}
    by_operation: Json = {
        "type": ["object", "null"],
        "properties": {"encode": count, "decode": count},
    }
    names = {
        "capacity": "streams of one operation alone that are served in real time, as calibrated",
        "streams": "streams there are",
        "room": "streams that would be taken now beside them",
    }
    entry: Json = {
        "model": {"type": "string"},
        "version": {"type": "string"},
        "workers": count,
        "slots": {"type": "object", "properties": {"total": count, "used": count}},
        **{
            name: {**by_operation, "description": f"{text}; null until every worker has told"}
            for name, text in names.items()
        },
    }
    models = {"type": "array", "items": {"type": "object", "properties": entry}}
    schema = {"type": "object", "properties": {"models": models}}
    return {
        "description": "Room for live streams, for each version that takes them",
        "content": {"application/json": {"schema": schema}},
    }


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
PAGE: Json = {"responses": _errors()}
CAPACITY_PAGE: Json = {"responses": {"200": _capacity_answer(), **_errors()}}
MODEL_PAGE = PAGE | {
    "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
}
