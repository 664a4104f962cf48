"""What a command line names becomes pieces for the client."""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec.container import CdcHeader, CdcReader, CdcWriter
from codec.errors import ContainerError, InvalidRequestError, InvalidTokensError
from codec.tokens import TokenFormat, TokenIdentity, to_wire
from service.model_info import ModelInfo
from service.stream.inputs import audio_input, cdc_input, packed_input
from service.stream.interrupt import Interrupt

MODEL = ModelInfo("m", "1", "s", 16_000, 1, 320, 0, 32, 1024, True, 1)
CODES = np.arange(24, dtype=np.uint16).reshape(2, 12)


def given(**options: Any) -> argparse.Namespace:
    common = {"input": None, "realtime": False, "microphone": False, "rate": None, "n_q": 2}
    return argparse.Namespace(**(common | {"model": None, "token_space": "s"} | options))


def token_file(drop_block: bool = False) -> bytes:
    """Three blocks of four frames."""
    header = CdcHeader(TokenIdentity("m", "1", "s"), TokenFormat(16_000, 320, 1024), 2, 3800)
    sink = io.BytesIO()
    writer = CdcWriter(sink, header)
    ends = []
    for start in range(0, 12, 4):
        writer.append(CODES[:, start : start + 4])
        writer.flush()
        ends.append(sink.tell())
    writer.finish()
    content = sink.getvalue()
    return content[: ends[0]] + content[ends[1] :] if drop_block else content


def test_an_audio_file_comes_at_the_rate_of_the_model(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((24_000, 2)), 48_000)
    with Interrupt() as interrupt:
        pieces = list(audio_input(given(input=tmp_path / "a.wav"), MODEL, interrupt))
    assert sum(map(len, pieces)) == 8000


def test_a_file_in_real_time_comes_in_small_pieces(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(3000), 16_000)
    with Interrupt() as interrupt:
        pieces = list(audio_input(given(input=tmp_path / "a.wav", realtime=True), MODEL, interrupt))
    assert [len(piece) for piece in pieces] == [1280, 1280, 440]


def test_blocks_of_a_token_file() -> None:
    with Interrupt() as interrupt:
        taken = cdc_input(CdcReader(token_file(), tolerant=True), given(), interrupt)
        assert np.array_equal(np.concatenate(list(taken.pieces), axis=1), CODES)
    assert taken.n_samples == 3800


def test_frames_that_are_lost_are_not_passed_over() -> None:
    with Interrupt() as interrupt:
        taken = cdc_input(CdcReader(token_file(drop_block=True), tolerant=True), given(), interrupt)
        with pytest.raises(ContainerError, match="frames 4 to 7 are lost"):
            list(taken.pieces)


def test_bare_codes_and_what_they_need(tmp_path: Path) -> None:
    path = tmp_path / "codes.u16"
    path.write_bytes(to_wire(CODES) + b"\0")
    with Interrupt() as interrupt:
        taken = packed_input(given(input=path), MODEL, interrupt)
        assert np.array_equal(next(taken.pieces), CODES)
        with pytest.raises(InvalidTokensError, match="inside a frame"):
            next(taken.pieces)
        with pytest.raises(InvalidRequestError, match="--n-q"):
            packed_input(given(n_q=None), MODEL, interrupt)
        with pytest.raises(InvalidRequestError, match="--token-space"):
            packed_input(given(token_space="", model="m"), MODEL, interrupt)
