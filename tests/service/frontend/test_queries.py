"""Query strings, selectors, rates and content types."""

import pytest

from service.frontend.content_type import audio_body
from service.frontend.intake import RawFormat
from service.frontend.queries import decode_query, encode_query
from service.frontend.rate import Rate, resolve_n_q
from service.frontend.selector import ModelSelector
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("", ModelSelector()),
        ("m", ModelSelector("m")),
        ("m@12-0123456789ab", ModelSelector("m", version="12-0123456789ab")),
        ("m@canary", ModelSelector("m", channel="canary")),
        ("m@12", ModelSelector("m", channel="12")),
    ],
)
def test_a_selector_tells_versions_from_channels(text: str, selector: ModelSelector) -> None:
    assert ModelSelector.parse(text) == selector


def test_queries_are_read() -> None:
    query = encode_query(b"model=m%40canary&n_q=12&format=npy")
    assert query.selector == ModelSelector("m", channel="canary")
    assert (query.rate, query.format) == (Rate(n_q=12), "npy")
    assert decode_query(b"").format == "wav"
    assert decode_query(b"format=flac").format == "flac"


@pytest.mark.parametrize("query", [b"n_q=", b"n_q=+3", b"n_q=3.0", b"n_q=%D9%A3", b"format=", b"x", b"x=1"])
def test_what_cannot_be_read_is_refused(query: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        encode_query(query)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("rate", "n_q"),
    [
        (Rate(), 8),
        (Rate(n_q=1), 1),
        (Rate(n_q=32), 32),
        (Rate(bitrate_bps=500), 1),
        (Rate(bitrate_bps=999), 1),
        (Rate(bitrate_bps=16_000), 32),
        (Rate(bitrate_bps=10**9), 32),
    ],
)
def test_a_rate_gives_a_number_of_codebooks(rate: Rate, n_q: int) -> None:
    assert resolve_n_q(rate, _INFO) == n_q


@pytest.mark.parametrize("rate", [Rate(0), Rate(33), Rate(None, 0), Rate(None, 499), Rate(1, 500)])
def test_a_rate_that_the_model_has_not_is_refused(rate: Rate) -> None:
    with pytest.raises(ServiceError) as caught:
        resolve_n_q(rate, _INFO)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_only_l16_needs_its_content_type() -> None:
    assert audio_body("audio/wav", b"ab").raw is None
    assert audio_body(None, b"ab").raw is None
    little = audio_body("Audio/L16; Rate=8000; channels=2", b"\1\0\2\0")
    assert little.raw == RawFormat("pcm_s16le", 8000, 2)
    assert little.content == b"\1\0\2\0"
    big = audio_body("audio/l16;rate=16000;endianness=big-endian", b"\1\0\2\0")
    assert big.content == b"\0\1\0\2"


@pytest.mark.parametrize(
    "content_type",
    ["audio/l16", "audio/l16;rate=x", "audio/l16;rate=1234567", "audio/l16;rate=8000;endianness=up"],
)
def test_l16_that_cannot_be_understood_is_refused(content_type: str) -> None:
    with pytest.raises(ServiceError) as caught:
        audio_body(content_type, b"ab")
    assert caught.value.condition is Condition.UNSUPPORTED_MEDIA
