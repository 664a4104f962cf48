import io
import struct
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile

from codec.audio import TRUNCATED, AudioLimits, AudioReader, AudioWriter, Samples, encode_audio, read_audio
from codec.errors import InvalidAudioError, LimitExceededError
from tests.support import shared_dir, voiced


def coded(signal: Samples, rate: int, kind: str = "FLAC", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, signal.T, rate, format=kind, subtype=subtype)
    return file.getvalue()


def speechlike(seconds: float, rate: int) -> Samples:
    return voiced(seconds, sample_rate_hz=rate)[None]


def stopped_peak_bytes() -> int:
    """Most memory held at once since `tracemalloc.start`; numpy arrays count."""
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


class Pipe(io.RawIOBase):
    """Bytes that come in small pieces and cannot be sought."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._content.read(min(len(buffer), 777))
        buffer[: len(piece)] = piece
        return len(piece)


def pipe(content: bytes) -> BinaryIO:
    return io.BufferedReader(Pipe(content))


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", None)]
)
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_blocks_joined_are_the_whole(tmp_path: Path, kind: str, subtype: str | None, rate: int) -> None:
    body = coded(speechlike(3.3, rate), rate, kind, subtype)
    path = tmp_path / "audio.bin"
    path.write_bytes(body)
    decoded, _ = soundfile.read(io.BytesIO(body), dtype="float32")
    whole = read_audio(body, 16_000)
    if rate == 16_000:
        # The MP3 decoder rounds differently for other read sizes.
        np.testing.assert_allclose(whole.samples[0], decoded, atol=1e-6 if kind == "MP3" else 0)
    for source in (path, body, io.BytesIO(body), pipe(body)):
        with AudioReader(source, 16_000) as reader:
            blocks = list(reader)
        assert all(0 < block.shape[1] <= 2 * 16_000 for block in blocks)
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole.samples)
    assert whole.n_samples == -(-len(decoded) * 16_000 // rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_one_sample_is_audio(rate: int, kind: str) -> None:
    audio = read_audio(coded(np.full((1, 1), 0.5, np.float32), rate, kind), 16_000)
    assert audio.n_samples == -(-16_000 // rate)
    assert audio.source_rate == rate


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_stereo_becomes_the_average(kind: str) -> None:
    signal = speechlike(0.5, 16_000)
    audio = read_audio(coded(np.concatenate([signal, 0 * signal]), 16_000, kind), 16_000)
    assert (audio.channels, audio.source_channels) == (1, 2)
    np.testing.assert_allclose(audio.samples, signal / 2, atol=2**-15)


@pytest.mark.parametrize(
    "body",
    [b"", b"hello, this is text" * 50, b"RIFF", bytes(5000), b"fLaC" + bytes(60), b"RIFF\xff\0\0\0WAVEjunk"],
)
def test_what_is_no_audio_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(body)
    for source in (body, path, io.BytesIO(body), pipe(body)):
        with pytest.raises(InvalidAudioError, match="send"):
            read_audio(source, 16_000)


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "headerless.raw"
    path.write_bytes(coded(speechlike(0.1, 16_000), 16_000))
    assert read_audio(path, 16_000).n_samples == 1600
    with path.open("rb") as file:
        assert read_audio(file, 16_000).n_samples == 1600


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_audio(tmp_path / "absent.wav", 16_000)


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_no_samples_are_refused(kind: str) -> None:
    with pytest.raises(InvalidAudioError, match="no samples"):
        read_audio(coded(np.zeros((1, 0), np.float32), 16_000, kind), 16_000)


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_nan_is_refused(kind: str) -> None:
    bad = np.zeros((1, 9000), np.float32)
    bad[0, 8500] = np.nan
    with pytest.raises(InvalidAudioError, match="NaN or infinity"):
        read_audio(coded(bad, 16_000, kind, "FLOAT"), 16_000)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_cut_flac_gives_its_intact_samples(share: float) -> None:
    signal = speechlike(5, 16_000)
    body = coded(signal, 16_000)
    audio = read_audio(body[: int(len(body) * share)], 16_000)
    assert audio.notes == (TRUNCATED,)
    assert audio.n_samples > 4096
    np.testing.assert_allclose(audio.samples, signal[:, : audio.n_samples], atol=2**-15)


def test_a_cut_wav_gives_its_intact_samples(tmp_path: Path) -> None:
    signal = speechlike(2, 16_000)
    path = tmp_path / "cut.wav"
    path.write_bytes(encode_audio(signal, 16_000, "wav")[: 44 + 2 * 20_000])
    for audio in (read_audio(path, 16_000), read_audio(path.read_bytes(), 16_000)):
        assert (audio.n_samples, audio.notes) == (20_000, (TRUNCATED,))
    with AudioReader(path, 16_000) as reader:
        assert sum(block.shape[1] for block in reader) == 20_000


def test_a_header_that_promises_hours_allocates_nothing() -> None:
    body = bytearray(coded(np.zeros((1, 16_000), np.float32), 16_000))
    # STREAMINFO: the low 32 of the 36 bits that count samples.
    body[22:26] = struct.pack(">I", 0xFFFFFFF0)
    tracemalloc.start()
    audio = read_audio(bytes(body), 16_000)
    assert (audio.n_samples, audio.notes) == (16_000, (TRUNCATED,))
    assert stopped_peak_bytes() < 1_000_000


def test_a_flac_bomb_stops_at_the_limit() -> None:
    body = coded(np.zeros((8, 48_000 * 60), np.float32), 48_000)
    assert len(body) < 100_000
    limits = AudioLimits(max_seconds=600, max_decoded_bytes=2**24)
    with pytest.raises(LimitExceededError, match="bytes when decoded"):
        read_audio(body, 16_000, limits)
    with pytest.raises(LimitExceededError, match="longer than 10 s"):
        read_audio(body, 16_000, AudioLimits(max_seconds=10))


def test_a_pipe_is_read_up_to_the_limit() -> None:
    with pytest.raises(LimitExceededError, match="larger than 1000 bytes"):
        read_audio(pipe(bytes(5000)), 16_000, AudioLimits(max_decoded_bytes=1000))


def test_rates_and_channels_have_limits() -> None:
    with pytest.raises(LimitExceededError, match="4000 Hz"):
        read_audio(coded(np.zeros((1, 100), np.float32), 4000), 16_000)
    with pytest.raises(LimitExceededError, match="2 channels"):
        read_audio(coded(np.zeros((2, 100), np.float32), 16_000), 16_000, AudioLimits(max_channels=1))


def test_a_given_stream_stays_open_and_an_own_file_is_closed(tmp_path: Path) -> None:
    stream = io.BytesIO(coded(np.zeros((1, 100), np.float32), 16_000))
    with AudioReader(stream, 16_000) as reader:
        assert reader.n_samples_hint == 100
    assert not stream.closed
    with pytest.raises(InvalidAudioError):
        AudioReader(io.BytesIO(b"no audio"), 16_000)


def test_an_hour_is_read_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    minute = np.tile(speechlike(5, 16_000), (1, 12))
    with AudioWriter(path, 16_000, file_format="flac") as writer:
        for _ in range(60):
            writer.write(minute)
    tracemalloc.start()
    with AudioReader(path, 8000) as reader:
        assert sum(block.shape[1] for block in reader) == 3600 * 8000
    # Whole, it would be 230 MB.
    assert stopped_peak_bytes() < 4_000_000


def test_real_speech_is_read_at_any_rate() -> None:
    for path in sorted((shared_dir() / "data" / "sample").glob("*.flac")):
        facts = soundfile.info(str(path))
        for rate in (16_000, 24_000):
            audio = read_audio(path, rate)
            assert audio.n_samples == -(-facts.frames * rate // facts.samplerate)
            assert 0.05 < np.abs(audio.samples).max() <= 1.1
            assert audio.notes == ()
