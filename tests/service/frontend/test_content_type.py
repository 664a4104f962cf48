"""What a Content-Type says of a body."""

import pytest

from service.frontend.content_type import audio_body, least_seconds
from service.frontend.intake import RawFormat
from service.status import Condition, ServiceError


def test_only_l16_needs_its_content_type() -> None:
    assert audio_body("audio/wav", b"ab").raw is None
    assert audio_body(None, b"ab").raw is None
    little = audio_body("Audio/L16; Rate=8000; channels=2", b"\1\0\2\0")
    assert little.raw == RawFormat("pcm_s16le", 8000, 2)
    assert little.content == b"\1\0\2\0"
    big = audio_body("audio/l16;rate=16000;endianness=big-endian", b"\1\0\2\0")
    assert big.content == b"\0\1\0\2"


def test_only_headerless_samples_tell_by_their_size_how_long_they_are() -> None:
    assert least_seconds("audio/L16;rate=8000;channels=2", 64_000) == 2.0
    assert least_seconds("audio/L16;rate=0", 64_000) == 0.0
    assert least_seconds("audio/wav", 64_000) == least_seconds(None, 64_000) == 0.0


@pytest.mark.parametrize(
    "content_type",
    ["audio/l16", "audio/l16;rate=x", "audio/l16;rate=1234567", "audio/l16;rate=8000;endianness=up"],
)
def test_l16_that_cannot_be_understood_is_refused(content_type: str) -> None:
    with pytest.raises(ServiceError) as caught:
        audio_body(content_type, b"ab")
    assert caught.value.condition is Condition.UNSUPPORTED_MEDIA


def test_a_type_that_nobody_needs_is_not_kept() -> None:
    with pytest.raises(ServiceError, match="cannot read"):
        audio_body("audio/L16;rate=16000;x=" + "y" * 1000, b"")
