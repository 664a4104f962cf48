import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec.audio import AudioFormat, AudioWriter, encode_audio, read_audio
from codec.audio import writer as writer_module
from codec.errors import InvalidAudioError, InvalidRequestError, LimitExceededError

STEREO = np.stack([np.linspace(-1, 0.9, 1000), np.linspace(0.5, -0.5, 1000)]).astype(np.float32)


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
def test_files_in_memory_are_what_libsndfile_reads(audio_format: AudioFormat) -> None:
    samples, rate = soundfile.read(io.BytesIO(encode_audio(STEREO, 22_050, audio_format)), dtype="int16")
    assert rate == 22_050
    np.testing.assert_array_equal(samples.T, np.rint(STEREO * 32768))


def test_raw_floats_are_untouched() -> None:
    hot = STEREO * 3
    raw = np.frombuffer(encode_audio(hot, 16_000, "pcm_f32le"), "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(raw.T, hot)


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
def test_sixteen_bits_survive_the_round_trip(audio_format: AudioFormat) -> None:
    every = (np.arange(-32768, 32768) / 32768).astype(np.float32)[None]
    audio = read_audio(encode_audio(every, 16_000, audio_format), 16_000)
    np.testing.assert_array_equal(audio.samples, every)


def test_unknown_formats_and_shapes_are_refused(tmp_path: Path) -> None:
    unknown: Any = "mp3"
    with pytest.raises(InvalidRequestError, match="choose wav, flac"):
        encode_audio(STEREO, 16_000, unknown)
    with pytest.raises(InvalidRequestError, match="choose wav or flac"):
        AudioWriter(tmp_path / "x.mp3", 16_000, file_format=unknown)
    with pytest.raises(InvalidAudioError, match=r"\[channel, sample\]"):
        encode_audio(STEREO[0], 16_000, "wav")


@pytest.mark.parametrize("file_format", ["wav", "flac"])
def test_a_file_grows_block_by_block_and_appears_whole(tmp_path: Path, file_format: Any) -> None:
    path = tmp_path / f"out.{file_format}"
    with AudioWriter(path, 16_000, 2, file_format) as writer:
        for block in np.split(STEREO, [1, 400], axis=1):
            writer.write(block)
        assert not path.exists()
        assert (writer.n_samples, writer.n_clipped) == (1000, 0)
    assert list(tmp_path.iterdir()) == [path]
    samples, _ = soundfile.read(path, dtype="int16")
    np.testing.assert_array_equal(samples.T, np.rint(STEREO * 32768))


def test_clipped_samples_are_counted(tmp_path: Path) -> None:
    with AudioWriter(tmp_path / "out.wav", 16_000) as writer:
        writer.write(np.array([[0.5, 1.0, -1.0, -2.0]], np.float32))
        writer.write(np.array([[3.0]], np.float32))
        assert writer.n_clipped == 3


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"old")
    writer = AudioWriter(path, 16_000, 2)
    writer.write(STEREO)
    with pytest.raises(RuntimeError, match="stop"), writer:
        raise RuntimeError("stop")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_bad_blocks_are_refused(tmp_path: Path) -> None:
    with AudioWriter(tmp_path / "out.wav", 16_000, 1) as writer:
        with pytest.raises(InvalidAudioError, match=r"give \[1, sample\]"):
            writer.write(STEREO)
        with pytest.raises(InvalidAudioError, match="NaN"):
            writer.write(np.array([[np.nan]], np.float32))
        assert writer.n_samples == 0


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises((OSError, soundfile.LibsndfileError)):
        AudioWriter(tmp_path / "absent" / "out.wav", 16_000)


def test_wav_files_have_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAV_BYTES", 1000)
    with pytest.raises(LimitExceededError, match="4 GiB"):
        encode_audio(STEREO, 16_000, "wav")
    with (
        AudioWriter(tmp_path / "out.wav", 16_000, 2) as writer,
        pytest.raises(LimitExceededError, match="FLAC"),
    ):
        writer.write(STEREO)


def test_no_samples_make_a_wav_but_no_flac() -> None:
    nothing = np.zeros((1, 0), np.float32)
    assert len(encode_audio(nothing, 16_000, "wav")) == 44
    assert encode_audio(nothing, 16_000, "pcm_s16le") == b""
    with pytest.raises(InvalidAudioError, match="zero samples"):
        encode_audio(nothing, 16_000, "flac")
