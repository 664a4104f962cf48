"""The JSON of the REST interface, for `/docs`: schemas and examples."""

from typing import Any

from service.status import ANSWERS, Condition

Json = dict[str, Any]

_EXAMPLES: dict[Condition, str] = {
    Condition.INVALID_ARGUMENT: "n_q is 33; stream_16k has codebooks 1..32",
    Condition.UNSUPPORTED_MEDIA: "the input is no audio that can be read; send WAV, FLAC, OGG or MP3",
    Condition.LIMIT_EXCEEDED: "the body is larger than 33554432 bytes; send it in parts",
    Condition.UNAUTHENTICATED: "this service asks for a key; send the header Authorization: Bearer KEY",
    Condition.PERMISSION_DENIED: "the key is not good for encode; ask the operator for one that is",
    Condition.NOT_FOUND: "there is no model 'nobody'; there are: stream_16k",
    Condition.TOKEN_SPACE_MISMATCH: "the tokens are of another token space; decode them with their model",
    Condition.OVERLOADED: "the queue is full; ask again later",
    Condition.QUOTA_EXCEEDED: "the quota of requests a second is used up; ask again later",
    Condition.UNAVAILABLE: "not ready; ask again in a moment",
    Condition.DEADLINE_EXCEEDED: "the body did not arrive in time; send it faster or allow more time",
    Condition.CANCELLED: "the client has left",
    Condition.SLOW_CONSUMER: "output was not read for 10 s; read faster",
    Condition.INTERNAL: "internal error 0123456789abcdef; report this id to the operator",
}


def _object(properties: Json, required: list[str] | None = None) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }


def _described(kind: str, text: str) -> Json:
    return {"type": kind, "description": text}


def _list_of(items: Json, text: str = "") -> Json:
    return {"type": "array", "items": items, "description": text}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer", "minimum": 0}
_SEGMENTATION = _or_null(_object({"length_samples": _NUMBER, "stride_samples": _NUMBER}))

ERROR = _object(
    {
        "error": _object(
            {
                "code": {"type": "string", "description": "The condition, for programs"},
                "message": {"type": "string", "description": "What is wrong and what to do, for people"},
            }
        )
    }
)

TOKENS = _object(
    {
        "model": _described("string", "That made the codes"),
        "version": _described("string", "Its exact version"),
        "token_space": _described("string", "Identity of the codebooks that give the codes a meaning"),
        "sample_rate": _described("integer", "Hz"),
        "hop_samples": _described("integer", "Samples per frame"),
        "n_samples": _described("integer", "Length of the audio at that rate"),
        "n_q": _described("integer", "Codebooks in use"),
        "codes": _list_of(_list_of(_NUMBER), "[codebook][frame]"),
        "scale": _list_of({"type": "number"}, "Level factors, only of models that are not streamable"),
        "labels": _or_null(_list_of(_NUMBER)),
        "segmentation": _SEGMENTATION,
    },
    ["model", "version", "token_space", "sample_rate", "hop_samples", "n_samples", "n_q", "codes"],
)
TOKENS_EXAMPLE: Json = {
    "model": "stream_16k",
    "version": "4-97968ef119d3",
    "token_space": "ts-daebfe799390a73e",
    "sample_rate": 16000,
    "hop_samples": 320,
    "n_samples": 250,
    "n_q": 2,
    "codes": [[797, 68], [880, 933]],
}

_MODEL_PROPERTIES: Json = {
    "model": _TEXT,
    "version": _described("string", "That requests get which name none"),
    "token_space": _described("string", "Tokens of it can be decoded by this version"),
    "sample_rate": _described("integer", "Hz, of what the model codes; files are resampled"),
    "channels": _described("integer", "Of the audio"),
    "hop_samples": _described("integer", "Samples per frame"),
    "delay_samples": _described("integer", "By which decoded audio lags its frames in a stream"),
    "codebooks": _described("integer", "The largest n_q"),
    "codebook_size": _described("integer", "Codes are below it"),
    "streamable": _described("boolean", "Takes live streams; others need the whole item"),
    "slots": _described("integer", "Live streams that a worker holds"),
    "description": _TEXT,
    "latency_ms": _or_null(_described("number", "Of encode and decode together; null: the whole item")),
    "scaled": _described("boolean", "A level factor comes with the codes"),
    "labels": _described("integer", "Different semantic labels that it hears; 0: none"),
    "label_hop_samples": _described("integer", "Samples per label"),
    "segment_length_samples": _described("integer", "Of the segments of long items; 0: never cut"),
    "segment_stride_samples": _described("integer", "From one segment to the next"),
    "whole_samples": _described("integer", "Longer items are cut into segments"),
    "receptive_field_samples": _or_null(_described("integer", "A frame's codes depend on; null: all before")),
    "decoder_reach_frames": _or_null(_described("integer", "A sample depends on; null: all before")),
    "decode_dtype": _described("string", "What the decoder computes in; encoders always in float32"),
    "default": _described("boolean", "Requests that name no model get it"),
}
_MODEL_EXAMPLE: Json = {
    **{"model": "stream_16k", "version": "4-97968ef119d3", "token_space": "ts-daebfe799390a73e"},
    **{"sample_rate": 16000, "channels": 1, "hop_samples": 320, "delay_samples": 352, "codebooks": 32},
    **{"codebook_size": 1024, "streamable": True, "slots": 64, "latency_ms": 42.0, "scaled": False},
    **{"description": "Causal speech codec, 16 kHz", "labels": 0, "label_hop_samples": 0},
    **{"segment_length_samples": 0, "segment_stride_samples": 0, "whole_samples": 0},
    **{"receptive_field_samples": 6432, "decoder_reach_frames": 33, "decode_dtype": "float32"},
    **{"default": True},
}
MODELS = _object({"models": _list_of(_object(_MODEL_PROPERTIES))})
MODELS_EXAMPLE: Json = {"models": [_MODEL_EXAMPLE]}
MODEL = _object(
    {
        **_MODEL_PROPERTIES,
        "channel_versions": {
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "Version by channel; empty: none serves yet",
        },
        "canary": _or_null(_object({"version": _TEXT, "weight": {"type": "number"}})),
        "versions": _list_of(_TEXT, "That can be asked for"),
        "workers": _list_of(
            _object(
                {"id": _TEXT, "version": _TEXT, "draining": {"type": "boolean"}, "ready": {"type": "boolean"}}
            )
        ),
        "rejected": _list_of(
            _object({"version": _TEXT, "stage": _TEXT, "reason": _TEXT}),
            "Published versions that were not taken",
        ),
    }
)
MODEL_EXAMPLE: Json = {
    **_MODEL_EXAMPLE,
    "channel_versions": {"stable": "4-97968ef119d3"},
    "canary": None,
    "versions": ["4-97968ef119d3"],
    "workers": [{"id": "w1", "version": "4-97968ef119d3", "draining": False, "ready": True}],
    "rejected": [],
}


def _by_operation(text: str) -> Json:
    counts = _or_null(_object({"encode": _NUMBER, "decode": _NUMBER}))
    return counts | {"description": f"{text}; null until every worker has told"}


CAPACITY = _object(
    {
        "models": _list_of(
            _object(
                {
                    "model": _TEXT,
                    "version": _TEXT,
                    "workers": _NUMBER,
                    "slots": _object({"total": _NUMBER, "used": _NUMBER}),
                    "capacity": _by_operation("Streams there are and that there is time for"),
                    "calibrated": _by_operation("Streams of one operation alone, calibrated at the start"),
                    "streams": _by_operation("Streams there are"),
                    "room": _by_operation("Streams that would be taken now beside them"),
                }
            )
        )
    }
)
CAPACITY_EXAMPLE: Json = {
    "models": [
        {
            **{"model": "stream_16k", "version": "4-97968ef119d3", "workers": 2},
            **{"slots": {"total": 128, "used": 20}, "capacity": {"encode": 106, "decode": 118}},
            **{"calibrated": {"encode": 107, "decode": 128}},
            **{"streams": {"encode": 20, "decode": 0}, "room": {"encode": 86, "decode": 98}},
        }
    ]
}
HEALTH = _object({"status": {"type": "string", "enum": ["ok"]}})
HEALTH_EXAMPLE: Json = {"status": "ok"}


def content(schema: Json, example: Json) -> Json:
    """JSON of a schema, as the content of an answer."""
    return {"application/json": {"schema": schema, "example": example}}


def errors() -> Json:
    """Every status of the table with an example for each of its conditions."""
    by_status: dict[str, list[Condition]] = {}
    for condition in Condition:
        by_status.setdefault(str(ANSWERS[condition].http_status), []).append(condition)
    return {status: _error(conditions) for status, conditions in sorted(by_status.items())}


def _error(conditions: list[Condition]) -> Json:
    names = [condition.name.lower() for condition in conditions]
    examples = {
        name: {"value": {"error": {"code": name, "message": _EXAMPLES[condition]}}}
        for name, condition in zip(names, conditions, strict=True)
    }
    answer: Json = {
        "description": " or ".join(names),
        "content": {"application/json": {"schema": ERROR, "examples": examples}},
    }
    if any(ANSWERS[condition].retry for condition in conditions):
        answer["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds until it may go better"}
        }
    return answer
