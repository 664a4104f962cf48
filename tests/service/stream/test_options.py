"""What the options of `codecd stream` mean."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from codec.errors import InvalidRequestError
from service.model_info import ModelInfo
from service.stream.options import add_audio_input, add_connection, connect, n_q_of

MODEL = ModelInfo("m", "1", "s", 16_000, 1, 320, 0, 32, 1024, True, 1)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_connection(parser)
    add_audio_input(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("arguments", "n_q"),
    [((), 8), (("--n-q", "3"), 3), (("--bitrate", "1999"), 3), (("--bitrate", "99999"), 32)],
)
def test_codebooks_by_number_or_bitrate(arguments: tuple[str, ...], n_q: int) -> None:
    assert n_q_of(parsed(*arguments), MODEL) == n_q


def test_a_small_model_has_a_smaller_default() -> None:
    assert n_q_of(parsed(), replace(MODEL, codebooks=4)) == 4


@pytest.mark.parametrize("arguments", [("--n-q", "33"), ("--n-q", "0"), ("--bitrate", "499")])
def test_codebooks_that_there_are_not(arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError):
        n_q_of(parsed(*arguments), MODEL)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(InvalidRequestError, match="both"):
        connect(parsed("--tls-cert", "a.pem"))


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nokey"):
        connect(parsed("--api-key-file", str(tmp_path / "nokey")))
