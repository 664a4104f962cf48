"""The REST interface over real sockets."""

import io
import math

import httpx
import numpy as np
import orjson
import pytest

from codec.audio import AudioLimits, encode_audio, parse_wav, read_audio
from codec.container import read_cdc, write_cdc
from tests.service.echo_worker import encode, frames_of
from tests.service.frontend import bodies
from tests.service.frontend.harness import Service, wav

_IDENTITY_HEADERS = {
    "X-Codec-Model": "echo_16k",
    "X-Codec-Version": "1-aaaaaaaaaaaa",
    "X-Codec-Token-Space": "space-a",
}


def _ramp(n_samples: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (np.arange(n_samples) % 60_000 / 32_768 - 0.9).astype(np.float32)


def test_encode_gives_the_codes_of_the_audio(service: Service) -> None:
    samples = _ramp(32_000)
    content = encode_audio(samples[None], 16_000, "wav")
    tokens = read_cdc(httpx.post(service.url + "/encode?n_q=8", content=content).content)
    assert (tokens.n_q, tokens.n_samples, tokens.n_frames) == (8, 32_000, frames_of(32_000))
    heard = parse_wav(content, AudioLimits())
    assert heard is not None
    assert np.array_equal(tokens.codes[:, :100], encode(heard.samples[0], 8).T)


@pytest.mark.parametrize("n_samples", [1, 319, 320, 321, 16_000, 32_001])
@pytest.mark.parametrize("form", ["wav", "flac", "pcm_s16le"])
def test_decode_gives_exactly_as_many_samples_as_were_encoded(
    service: Service, n_samples: int, form: str
) -> None:
    content = encode_audio(_ramp(n_samples)[None], 16_000, "wav")
    tokens = httpx.post(service.url + "/encode", content=content).content
    response = httpx.post(f"{service.url}/decode?format={form}", content=tokens)
    assert response.status_code == 200, response.text
    if form == "pcm_s16le":
        assert len(response.content) == 2 * n_samples
        assert response.headers["content-type"].startswith("audio/L16;rate=16000;channels=1")
    else:
        assert read_audio(response.content, 16_000).n_samples == n_samples
        assert response.headers["content-type"] == f"audio/{form}"


def test_reconstruct_is_encode_and_decode(service: Service) -> None:
    content = wav(0.7)
    tokens = httpx.post(service.url + "/encode?n_q=3", content=content).content
    decoded = httpx.post(service.url + "/decode", content=tokens)
    reconstructed = httpx.post(service.url + "/reconstruct?n_q=3", content=content)
    assert reconstructed.content == decoded.content
    assert reconstructed.headers["X-Codec-Version"] == "1-aaaaaaaaaaaa"


@pytest.mark.parametrize("path", ["/encode", "/reconstruct"])
def test_an_answer_names_model_version_token_space_and_times(service: Service, path: str) -> None:
    response = httpx.post(service.url + path, content=wav())
    assert {name: response.headers[name] for name in _IDENTITY_HEADERS} == _IDENTITY_HEADERS
    timing = response.headers["Server-Timing"]
    assert [part.split(";dur=")[0] for part in timing.split(", ")] == ["queue", "run", "total"]
    assert all(float(part.split("=")[1]) >= 0 for part in timing.split(", "))


def test_a_request_id_is_echoed_or_made(service: Service) -> None:
    given = httpx.post(service.url + "/encode", content=wav(), headers={"X-Request-Id": "call-7"})
    assert given.headers["X-Request-Id"] == "call-7"
    made = [httpx.post(service.url + "/encode", content=b"").headers["X-Request-Id"] for _ in range(2)]
    assert len(set(made)) == 2


def test_the_bitrate_chooses_the_codebooks(service: Service) -> None:
    def n_q(query: str) -> int:
        return read_cdc(httpx.post(f"{service.url}/encode{query}", content=wav(0.1)).content).n_q

    assert n_q("") == 8
    assert n_q("?bitrate_bps=500") == 1
    assert n_q("?bitrate_bps=4000") == 8
    assert n_q("?bitrate_bps=4499") == 8
    assert n_q("?bitrate_bps=1000000") == 32


def test_tokens_come_as_json_and_npy(service: Service) -> None:
    tokens = read_cdc(httpx.post(service.url + "/encode?n_q=2", content=wav(0.1)).content)
    as_json = httpx.post(service.url + "/encode?n_q=2&format=json", content=wav(0.1))
    facts = orjson.loads(as_json.content)
    assert np.array_equal(np.array(facts.pop("codes")), tokens.codes)
    assert facts == {
        "model": "echo_16k",
        "version": "1-aaaaaaaaaaaa",
        "token_space": "space-a",
        "sample_rate": 16_000,
        "hop_samples": 320,
        "n_samples": 1600,
        "n_q": 2,
    }
    as_npy = httpx.post(service.url + "/encode?n_q=2&format=npy", content=wav(0.1))
    assert np.array_equal(np.load(io.BytesIO(as_npy.content)), tokens.codes)


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_other_rates_and_channels_are_converted(service: Service, sample_rate: int) -> None:
    content = bodies.sound_file(0.3, sample_rate, 2, form="FLAC")
    tokens = read_cdc(httpx.post(service.url + "/encode?n_q=1", content=content).content)
    n_samples = round(0.3 * sample_rate)
    assert tokens.n_samples == math.ceil(n_samples * 16_000 / sample_rate)
    middle = tokens.n_frames // 2
    assert abs(int(tokens.codes[0, middle]) - 639) <= 2  # the code of 0.25


def test_a_long_recording_is_coded_whole(service: Service) -> None:
    content = bodies.sound_file(599, form="FLAC")
    encoded = httpx.post(service.url + "/encode?n_q=1", content=content, timeout=60)
    assert read_cdc(encoded.content).n_samples == 599 * 16_000
    decoded = httpx.post(service.url + "/decode", content=encoded.content, timeout=60)
    assert len(decoded.content) == 44 + 2 * 599 * 16_000


def test_thinned_tokens_and_tokens_of_unknown_length_are_decoded(service: Service) -> None:
    tokens = read_cdc(httpx.post(service.url + "/encode?n_q=8", content=wav(1)).content)
    thin = httpx.post(service.url + "/decode", content=write_cdc(tokens.thin(2)))
    assert len(thin.content) == 44 + 2 * 16_000
    open_end = bodies.token_file(n_samples=None)
    decoded = httpx.post(service.url + "/decode", content=open_end)
    assert len(decoded.content) == 44 + 2 * (12 * 320 - 352)


def test_models_are_listed_and_described(service: Service) -> None:
    listed = service.get("/models").json()["models"]
    assert [(model["model"], model["version"], model["default"]) for model in listed] == [
        ("echo_16k", "1-aaaaaaaaaaaa", True)
    ]
    described = service.get("/models/echo_16k").json()
    assert described["codebooks"] == 32
    assert described["versions"] == ["1-aaaaaaaaaaaa"]
    assert (described["channels"], described["channel_versions"]) == (1, {"stable": "1-aaaaaaaaaaaa"})
    assert [worker["ready"] for worker in described["workers"]] == [True]
    assert service.get("/models/nope").status_code == 404


@pytest.mark.parametrize("path", ["/encode", "/reconstruct", "/decode"])
def test_a_priority_is_bulk_or_interactive(service: Service, path: str) -> None:
    content = wav(0.1)
    if path == "/decode":
        content = httpx.post(service.url + "/encode", content=content).content
    for priority, status in (("bulk", 200), ("interactive", 200), ("urgent", 400)):
        headers = {"X-Priority": priority}
        assert httpx.post(service.url + path, content=content, headers=headers).status_code == status
