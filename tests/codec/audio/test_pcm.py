import struct
from typing import Any

import numpy as np
import pytest

from codec.audio import AudioLimits, PcmFormat, count_clipped, encode_audio, parse_pcm
from codec.audio.pcm import decode, to_pcm16
from codec.errors import InvalidAudioError, LimitExceededError

LIMITS = AudioLimits()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("u8", bytes([0, 128, 192])),
        ("s16", struct.pack("<3h", -32768, 0, 16384)),
        ("s24", b"\x00\x00\x80" + b"\x00\x00\x00" + b"\x00\x00\x40"),
        ("s32", struct.pack("<3i", -(2**31), 0, 2**30)),
        ("f32", struct.pack("<3f", -1, 0, 0.5)),
        ("f64", struct.pack("<3d", -1, 0, 0.5)),
    ],
)
def test_every_encoding_has_full_scale_at_one(encoding: Any, body: bytes) -> None:
    samples = decode(body, encoding, 1)
    assert samples.dtype == np.float32
    assert samples.tolist() == [[-1.0, 0.0, 0.5]]


def test_channels_are_taken_apart() -> None:
    body = struct.pack("<6h", 1, 10, 2, 20, 3, 30)
    audio = parse_pcm(body, "pcm_s16le", 16_000, LIMITS, channels=2)
    assert (audio.samples * 32768).tolist() == [[1, 2, 3], [10, 20, 30]]


def test_sixteen_bits_survive_the_round_trip() -> None:
    every = np.arange(-32768, 32768, dtype="<i2")
    audio = parse_pcm(every.tobytes(), "pcm_s16le", 16_000, LIMITS)
    assert encode_audio(audio.samples, 16_000, "pcm_s16le") == every.tobytes()


@pytest.mark.parametrize(("pcm_format", "size"), [("pcm_s16le", 3), ("pcm_s16le", 1), ("pcm_f32le", 6)])
def test_half_samples_are_refused(pcm_format: PcmFormat, size: int) -> None:
    with pytest.raises(InvalidAudioError, match=f"{size} bytes are no whole number"):
        parse_pcm(bytes(size), pcm_format, 16_000, LIMITS)


def test_half_frames_are_refused() -> None:
    with pytest.raises(InvalidAudioError, match="multiple of 4 bytes"):
        parse_pcm(bytes(6), "pcm_s16le", 16_000, LIMITS, channels=2)


def test_no_samples_are_refused() -> None:
    with pytest.raises(InvalidAudioError, match="no samples"):
        parse_pcm(b"", "pcm_s16le", 16_000, LIMITS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_floats_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(InvalidAudioError, match="NaN or infinity"):
        parse_pcm(np.array([0, value], "<f4").tobytes(), "pcm_f32le", 16_000, LIMITS)


def test_limits_are_kept() -> None:
    for limits in (
        AudioLimits(max_seconds=0.001),
        AudioLimits(max_decoded_bytes=64),
        AudioLimits(max_rate=8000),
    ):
        with pytest.raises(LimitExceededError):
            parse_pcm(bytes(64), "pcm_s16le", 16_000, limits)


def test_rounding_is_half_to_even_and_clipping_is_counted() -> None:
    steps = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 32767.4, 32767.5, -32768.4, 4e4], np.float32)
    pcm = to_pcm16(steps / np.float32(32768))
    assert pcm.samples.tolist() == [0, 2, 2, 0, -2, 32767, 32767, -32768, 32767]
    assert pcm.n_clipped == 2


def test_clipped_samples_are_counted() -> None:
    assert count_clipped(np.array([[0.5, 1.0, -1.0, 1.5]], np.float32)) == 2


def test_no_file_is_made_of_nan() -> None:
    with pytest.raises(InvalidAudioError, match="NaN or infinity"):
        to_pcm16(np.array([np.nan], np.float32))
