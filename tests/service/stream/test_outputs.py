"""Every message is on its way at once, and the end makes the output whole."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.container import CdcHeader, CdcReader, read_cdc
from codec.tokens import TokenFormat, TokenIdentity, from_wire
from service.stream.outputs import AudioOutput, CdcOutput, PackedOutput

HEADER = CdcHeader(TokenIdentity("m", "1", "s"), TokenFormat(16_000, 320, 1024), 2)
CODES = np.arange(12, dtype=np.uint16).reshape(2, 6)
SAMPLES = np.linspace(-1.1, 1.0, 500, dtype=np.float32)


def test_a_token_file_grows_readable_and_ends_whole() -> None:
    sink = io.BytesIO()
    output = CdcOutput(sink, HEADER)
    assert CdcReader(sink.getvalue(), tolerant=True).header == HEADER
    output.write(CODES[:, :4])
    (block,) = CdcReader(sink.getvalue(), tolerant=True)
    assert np.array_equal(block.codes, CODES[:, :4])
    output.write(CODES[:, 4:])
    output.finish(1900)
    tokens = read_cdc(sink.getvalue())
    assert np.array_equal(tokens.codes, CODES)
    assert tokens.n_samples == 1900


def test_bare_codes_are_frame_after_frame() -> None:
    sink = io.BytesIO()
    output = PackedOutput(sink)
    output.write(CODES)
    output.finish(None)
    assert np.array_equal(from_wire(sink.getvalue(), 2, 1024), CODES)


@pytest.mark.parametrize(("form", "read"), [("s16le", "<i2"), ("f32le", "<f4")])
def test_bare_samples(form: str, read: str) -> None:
    sink = io.BytesIO()
    output = AudioOutput(sink, form, 16_000)  # type: ignore[arg-type]
    output.write(SAMPLES)
    output.finish()
    scale = 32768 if form == "s16le" else 1
    heard = np.frombuffer(sink.getvalue(), read) / scale
    limited = np.clip(SAMPLES, -1, 32767 / 32768) if form == "s16le" else SAMPLES
    assert np.abs(heard - limited).max() <= 0.5 / 32768
    assert (output.n_samples, output.n_clipped > 0) == (500, form == "s16le")


def test_a_wav_file_that_can_be_gone_back_in_tells_its_length(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    with path.open("wb") as sink:
        output = AudioOutput(sink, "wav", 16_000)
        output.write(SAMPLES)
        assert path.stat().st_size == 44 + 1000
        output.finish()
    assert soundfile.info(path).frames == 500
