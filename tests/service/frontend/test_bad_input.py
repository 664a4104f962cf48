"""Every bad input has one defined answer, and the service goes on serving others."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np
import pytest

from codec.audio import encode_audio
from codec.container import read_cdc
from tests.service.frontend import bodies
from tests.service.frontend.harness import Service, wav


@dataclass(frozen=True)
class Row:
    """A request and its answer: `code` None means that it is served."""

    name: str
    path: str
    body: bytes
    status: int
    code: str | None
    content_type: str | None = None
    says: str = ""


def _float_wav(value: float) -> bytes:
    return bodies.sound_file(0.1, subtype="FLOAT", value=value)


def _damaged_cdc() -> bytes:
    content = bytearray(bodies.token_file())
    content[-40] ^= 0x55
    return bytes(content)


_PCM = b"\x00\x20" * 800
_ENCODE_ROWS = (
    Row("empty body", "/encode", b"", 400, "invalid_argument", says="empty"),
    Row("text", "/encode", b"this is no audio, whatever it claims", 415, "unsupported_media"),
    Row("noise", "/encode", bytes(range(256)) * 40, 415, "unsupported_media"),
    Row("half a WAV header", "/encode", wav()[:20], 415, "unsupported_media"),
    Row("WAV without samples", "/encode", bodies.wav_header(0), 415, "unsupported_media", says="no samples"),
    Row("NaN", "/encode", _float_wav(math.nan), 415, "unsupported_media", says="NaN"),
    Row("infinity", "/encode", _float_wav(math.inf), 415, "unsupported_media"),
    Row("integers as floats", "/encode", _float_wav(12_000.0), 415, "unsupported_media", says="full scale"),
    Row("7 kHz", "/encode", bodies.sound_file(0.1, 7_000), 413, "limit_exceeded", says="8000..192000"),
    Row("200 kHz", "/encode", bodies.sound_file(0.1, 200_000), 413, "limit_exceeded"),
    Row("9 channels", "/encode", bodies.sound_file(0.1, channels=9), 413, "limit_exceeded"),
    Row("over 10 minutes", "/encode", bodies.flac_bomb(660, 16_000, 1), 413, "limit_exceeded", says="600 s"),
    Row("damaged FLAC", "/encode", b"fLaC" + bytes(500), 415, "unsupported_media"),
    Row("odd L16", "/encode", _PCM + b"\0", 415, "unsupported_media", "audio/L16;rate=16000", "whole number"),
    Row("L16 without rate", "/encode", _PCM, 415, "unsupported_media", "audio/L16", "rate=16000"),
    Row("L16 of a silly rate", "/encode", _PCM, 413, "limit_exceeded", "audio/L16;rate=1"),
    Row("empty L16", "/encode", b"", 400, "invalid_argument", "audio/L16;rate=16000"),
)
_QUERY_ROWS = (
    Row("unknown model", "/encode?model=nope", wav(), 404, "not_found", says="echo_16k"),
    Row("unknown version", "/encode?model=echo_16k@7-00000000ffff", wav(), 404, "not_found"),
    Row("unknown channel", "/encode?model=echo_16k@canary", wav(), 404, "not_found", says="stable"),
    Row("half a model", "/encode?model=echo_16k@", wav(), 400, "invalid_argument"),
    Row("n_q 0", "/encode?n_q=0", wav(), 400, "invalid_argument", says="1..32"),
    Row("n_q 33", "/encode?n_q=33", wav(), 400, "invalid_argument", says="1..32"),
    Row("n_q -1", "/encode?n_q=-1", wav(), 400, "invalid_argument", says="whole number"),
    Row("n_q eight", "/encode?n_q=eight", wav(), 400, "invalid_argument"),
    Row("n_q beyond all", "/encode?n_q=" + "9" * 5000, wav(), 400, "invalid_argument"),
    Row("n_q and bitrate", "/encode?n_q=8&bitrate_bps=4000", wav(), 400, "invalid_argument"),
    Row("bitrate too low", "/encode?bitrate_bps=499", wav(), 400, "invalid_argument", says="500..16000"),
    Row("n_q twice", "/encode?n_q=8&n_q=9", wav(), 400, "invalid_argument"),
    Row("unknown parameter", "/encode?nq=8", wav(), 400, "invalid_argument", says="n_q"),
    Row("unknown format", "/encode?format=mp3", wav(), 400, "invalid_argument", says="cdc"),
    Row("unknown path", "/transcode", wav(), 404, "not_found"),
)
_DECODE_ROWS = (
    Row("no tokens", "/decode", b"", 400, "invalid_argument", says="empty"),
    Row("a WAV as tokens", "/decode", wav(), 400, "invalid_argument"),
    Row("damaged tokens", "/decode", _damaged_cdc(), 400, "invalid_argument"),
    Row("cut tokens", "/decode", bodies.token_file()[:-30], 400, "invalid_argument"),
    Row("foreign tokens", "/decode", bodies.token_file(token_space="x"), 409, "token_space_mismatch"),
    Row("tokens of another model", "/decode?model=nope", bodies.token_file(), 404, "not_found"),
    Row(
        "tokens out of range",
        "/decode",
        bodies.token_file(codebook_size=65_536, highest=1024),
        400,
        "invalid_argument",
    ),
    Row("too many codebooks", "/decode", bodies.token_file(n_q=33), 400, "invalid_argument", says="1..32"),
    Row("unknown audio format", "/decode?format=mp3", bodies.token_file(), 400, "invalid_argument"),
    Row("reconstruct nothing", "/reconstruct", b"", 400, "invalid_argument"),
    Row("reconstruct text", "/reconstruct", b"no audio", 415, "unsupported_media"),
)
_SERVED_ROWS = (
    Row("one sample", "/encode", encode_audio(np.zeros((1, 1), np.float32), 16_000, "wav"), 200, None),
    Row("cut WAV", "/encode", wav()[:2001], 200, None),
    Row("WAV that claims more", "/encode", bodies.wav_header(2**31 - 100) + _PCM, 200, None),
    Row("WAV that claims nothing", "/encode", bodies.wav_header(0) + _PCM, 200, None),
    Row("8-bit WAV", "/encode", bodies.sound_file(0.1, subtype="PCM_U8"), 200, None),
    Row("24-bit WAV", "/encode", bodies.sound_file(0.1, subtype="PCM_24"), 200, None),
    Row("32-bit WAV", "/encode", bodies.sound_file(0.1, subtype="PCM_32"), 200, None),
    Row("float WAV", "/encode", _float_wav(0.25), 200, None),
    Row("double WAV", "/encode", bodies.sound_file(0.1, subtype="DOUBLE"), 200, None),
    Row("stereo", "/encode", bodies.sound_file(0.1, channels=2), 200, None),
    Row("8 kHz", "/encode", bodies.sound_file(0.1, 8_000), 200, None),
    Row("192 kHz", "/encode", bodies.sound_file(0.1, 192_000), 200, None),
    Row("FLAC", "/encode", bodies.sound_file(form="FLAC"), 200, None, "text/plain"),
    Row("OGG", "/encode", bodies.sound_file(form="OGG", subtype="VORBIS"), 200, None, "audio/wav"),
    Row("curl's content type", "/encode", wav(), 200, None, "application/x-www-form-urlencoded"),
    Row("L16", "/encode", _PCM, 200, None, "audio/L16;rate=16000;channels=1"),
    Row("L16 at 48 kHz stereo", "/encode", _PCM, 200, None, "audio/l16; channels=2; rate=48000"),
)
_ROWS = (*_ENCODE_ROWS, *_QUERY_ROWS, *_DECODE_ROWS, *_SERVED_ROWS)


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    """Connections to the service."""
    with httpx.Client(base_url=service.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.name)
def test_the_answer_is_the_one_of_the_table(row: Row, client: httpx.Client) -> None:
    headers = {"content-type": row.content_type} if row.content_type else {}
    response = client.post(row.path, content=row.body, headers=headers)
    assert response.status_code == row.status, response.text
    if row.code is None:
        assert read_cdc(response.content).n_q == 8
    else:
        error = response.json()["error"]
        assert error.keys() == {"code", "message"}
        assert error["code"] == row.code
        assert row.says in error["message"]
    _still_serves(client)


def test_a_body_beyond_the_limit_is_refused_by_its_declared_length(client: httpx.Client) -> None:
    three_hours = bodies.wav_header(3 * 3600 * 32_000) + bytes(33 * 2**20)
    response = client.post("/encode", content=three_hours)
    assert response.status_code == 413
    assert "33554432" in response.json()["error"]["message"]
    _still_serves(client)


def test_a_body_beyond_the_limit_is_refused_while_it_comes(service: Service) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(2**20)

    response = httpx.post(service.url + "/encode", content=endless(), timeout=30)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "limit_exceeded"


def test_a_bomb_costs_the_front_end_no_memory(service: Service, client: httpx.Client) -> None:
    bomb = bodies.flac_bomb(60, 192_000, 8)
    assert len(bomb) < 2**20
    _still_serves(client)
    before = _peak_bytes(service)
    response = client.post("/encode", content=bomb)
    assert response.status_code == 413, response.text
    assert _peak_bytes(service) - before < 16 * 2**20
    _still_serves(client)


def test_a_timeout_that_is_none_is_refused(client: httpx.Client) -> None:
    for value in ("0", "soon", "99999999999999999999"):
        response = client.post("/encode", content=wav(), headers={"X-Request-Timeout-Ms": value})
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "invalid_argument"


def test_other_methods_are_refused(client: httpx.Client) -> None:
    response = client.get("/encode")
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"


def _still_serves(client: httpx.Client) -> None:
    response = client.post("/encode", content=wav(0.2))
    assert response.status_code == 200
    assert read_cdc(response.content).n_samples == 3200


def _peak_bytes(service: Service) -> int:
    with open(f"/proc/{service.frontend.pid}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
