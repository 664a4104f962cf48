"""`codecd info` and `codecd thin`: they look, they do not compute."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.cli import main
from codec.container import CdcHeader, CdcReader, CdcWriter, read_cdc, write_cdc
from codec.tokens import TokenFormat, TokenIdentity, Tokens
from tests.codec.container.samples import IDENTITY, make_segmented, skewed_codes, small_coder

Run = Callable[..., int]
CODES = np.random.default_rng(0).integers(0, 1024, (8, 700)).astype(np.uint16)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """14 s of codes in three blocks."""
    path = tmp_path / "a.cdc"
    identity = TokenIdentity("stream_16k", "1-0123456789ab", "ts-0123456789abcdef")
    with path.open("wb") as sink:
        writer = CdcWriter(sink, CdcHeader(identity, TokenFormat(16000, 320, 1024), 8))
        writer.append(CODES)
        writer.finish(223_000)
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_info_tells_a_person(tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", tokens) == 0
    told = capsys.readouterr().out
    for fact in (
        "stream_16k 1-0123456789ab",
        "13.94 s, 223000 samples at 16000 Hz",
        "8 codebooks of 1024, 700 frames",
        "4000 bit/s nominal",
        f"{tokens.stat().st_size} bytes in 3 blocks",
        "intact",
    ):
        assert fact in told


def test_info_tells_a_program(tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", tokens, "--json") == 0
    facts = as_json(capsys)
    assert (facts["model"], facts["n_frames"], facts["n_samples"]) == ("stream_16k", 700, 223_000)
    assert facts["damage"]["intact"] is True
    assert "codes" not in facts["blocks"][0]


def test_info_gives_the_codes(tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", tokens, "--json", "--codes") == 0
    blocks = as_json(capsys)["blocks"]
    assert np.array_equal(np.concatenate([block["codes"] for block in blocks], axis=1), CODES)


def test_codes_without_json_is_a_mistake(tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", tokens, "--codes") == 1
    assert "add --json" in capsys.readouterr().err


def test_info_shows_what_is_left_of_a_damaged_file(tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(tokens.read_bytes())
    content[len(content) // 2] ^= 255
    tokens.write_bytes(content)
    assert run("info", tokens) == 1
    assert "state        intact" not in capsys.readouterr().out
    assert run("info", tokens, "--json", "--codes") == 0
    facts = as_json(capsys)
    assert facts["damage"]["lost_frames"] == [[300, 600]]
    found = {block["first_frame"]: block["codes"] for block in facts["blocks"]}
    assert sorted(found) == [0, 600]
    assert np.array_equal(found[600], CODES[:, 600:])


def test_info_tells_what_stands_beside_the_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.cdc"
    path.write_bytes(write_cdc(make_segmented()))
    assert run("info", path) == 0
    told = capsys.readouterr().out
    for fact in (
        "segments     6 of 0.2 s, one every 0.18 s",
        "scale        0.0156 to 0.5",
        "labels       104 of 86 kinds, 700 bit/s",
        "bitrate      1500 bit/s nominal",
    ):
        assert fact in told
    assert "coding" not in told


def test_info_tells_what_entropy_coding_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.cdc"
    codes = skewed_codes(4, 500)
    made = Tokens(codes, IDENTITY, 16_000, 320, 160_000, 16)
    path.write_bytes(write_cdc(made, small_coder()))
    assert run("info", path) == 0
    told = capsys.readouterr().out
    # The name of the tables is in the header, not in the codes.
    saved = (len(write_cdc(made)) - len(path.read_bytes()) + 8) / (4 * 500 * 4 / 8)
    assert saved > 0.4
    name = small_coder().tables_id.hex()
    assert f"coding       entropy-coded with tables {name}, {saved:.1%} saved" in told
    assert run("info", path, "--json", "--codes") == 1
    assert "read the file with that version of the model" in capsys.readouterr().err
    assert run("thin", path, tmp_path / "thin.cdc", "--n-q", 2) == 0
    assert np.array_equal(read_cdc(tmp_path / "thin.cdc", coder=small_coder()).codes, codes[:2])


def test_info_names_lost_segments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.cdc"
    data = write_cdc(make_segmented())
    block = next(CdcReader(data).packed_blocks())
    path.write_bytes(data.replace(block.pack(), b""))
    assert run("info", path) == 1
    assert "state        segments 0 to 0 lost" in capsys.readouterr().out


def test_info_of_an_unfinished_file_says_so(tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokens.write_bytes(tokens.read_bytes()[:-40])
    assert run("info", tokens) == 1
    told = capsys.readouterr().out
    assert "audio        unknown length at 16000 Hz" in told
    assert "state        unfinished" in told


@pytest.mark.parametrize("content", [b"", b"RIFF" * 20])
def test_info_of_something_else_fails(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.cdc").write_bytes(content)
    assert run("info", tmp_path / "x.cdc") == 1
    assert "codecd: this is no .cdc file" in capsys.readouterr().err


def test_thin_keeps_the_first_codebooks(tokens: Path, tmp_path: Path) -> None:
    assert run("thin", tokens, tmp_path / "thin.cdc", "--n-q", 3) == 0
    thinned = read_cdc(tmp_path / "thin.cdc")
    assert np.array_equal(thinned.codes, CODES[:3])
    assert thinned.n_samples == 223_000


def test_thin_in_place_needs_force(tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("thin", tokens, tokens, "--n-q", 2) == 1
    assert "use --force" in capsys.readouterr().err
    assert run("thin", tokens, tokens, "--n-q", 2, "--force") == 0
    assert np.array_equal(read_cdc(tokens).codes, CODES[:2])


def test_thin_refuses_more_than_there_is_and_leaves_nothing(
    tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("thin", tokens, tmp_path / "thin.cdc", "--n-q", 9) == 1
    assert "n_q of 9 is outside 1..8" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["a.cdc"]
