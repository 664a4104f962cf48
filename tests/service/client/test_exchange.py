"""Bodies and queries that a client makes, and answers that it reads."""

import httpx
import numpy as np
import pytest

from codec.audio import AudioLimits, parse_wav
from codec.errors import InvalidAudioError
from service.client.errors import RefusedError
from service.client.exchange import Selection, audio_body, audio_of, models_of, tokens_body, tokens_of
from service.model_info import ModelInfo
from tests.service.frontend import bodies


def test_samples_become_a_float_wav_that_loses_nothing() -> None:
    samples = np.linspace(-1, 1, 801, dtype=np.float32)
    audio = parse_wav(audio_body(samples, 22_050), AudioLimits())
    assert audio is not None
    assert audio.sample_rate == 22_050
    assert np.array_equal(audio.samples, samples[None])
    stereo = parse_wav(audio_body(np.stack([samples, -samples]), 48_000), AudioLimits())
    assert stereo is not None
    assert np.array_equal(stereo.samples[1], -samples)


def test_what_is_left_out_is_not_sent() -> None:
    assert Selection().query() == {}
    assert Selection("m@stable", bitrate_bps=500).query() == {"model": "m@stable", "bitrate_bps": 500}


def test_tokens_survive_the_way() -> None:
    content = bodies.token_file()
    tokens = tokens_of(httpx.Response(200, content=content))
    assert tokens_body(tokens) == tokens_body(content) == content


def test_answers_that_are_none_are_told() -> None:
    with pytest.raises(InvalidAudioError, match="proxy"):
        audio_of(httpx.Response(200, content=b"<html>"))
    with pytest.raises(RefusedError):
        models_of(httpx.Response(404, content=b'{"error": {"code": "not_found", "message": "no"}}'))


def test_fields_of_a_newer_service_are_left_out() -> None:
    info = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)
    fields = {name: getattr(info, name) for name in ModelInfo.__dataclass_fields__}
    answer = httpx.Response(200, json={"models": [fields | {"colour": "blue"}]})
    assert models_of(answer) == [info]


def test_fields_that_an_older_service_lacks_have_their_defaults() -> None:
    info = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)
    fields = {name: getattr(info, name) for name in list(ModelInfo.__dataclass_fields__)[:11]}
    assert models_of(httpx.Response(200, json={"models": [fields]})) == [info]
