"""Counting the packets of an Ogg file."""

import io

import pytest
import soundfile

from codec.errors import InvalidAudioError
from tests.support import voiced
from training.evaluation.coders.ogg import audio_packet_bytes


def page(lacing: list[int], body: bytes = b"") -> bytes:
    """A page as its header describes it; what is not counted is zero."""
    return b"OggS" + bytes(22) + bytes([len(lacing)]) + bytes(lacing) + (body or bytes(sum(lacing)))


def test_packets_may_span_pages_and_headers_do_not_count() -> None:
    data = page([19]) + page([255, 255]) + page([30, 10]) + page([255, 0, 7]) + page([255]) + page([1])
    assert audio_packet_bytes(data) == [10, 255, 7, 256]


def test_a_real_file_has_a_packet_every_20_ms() -> None:
    file = io.BytesIO()
    soundfile.write(file, voiced(2.0), 16_000, format="OGG", subtype="OPUS")
    sizes = audio_packet_bytes(file.getvalue())
    assert 100 <= len(sizes) <= 103
    assert 0 < sum(sizes) < len(file.getvalue())


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"RIFF" + bytes(40), "no Ogg page at byte 0"),
        (page([19]) + b"Og", "no Ogg page at byte 47"),
        (page([19]) + page([40])[:-1], "cut short"),
        (page([255]), "cut short"),
    ],
)
def test_what_is_no_whole_file_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(InvalidAudioError, match=complaint):
        audio_packet_bytes(data)
