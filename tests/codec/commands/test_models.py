"""`codecd models`: a repository's listing, and the figures of models, presets and config files."""

import json
from pathlib import Path
from typing import Any

import pytest

from codec.cli import main
from codec.config import presets
from tests.codec.models import TINY, publish_tiny


def run(*arguments: object) -> int:
    return main(["models", *(str(argument) for argument in arguments)])


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_listing_names_versions_and_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "models"
    first = publish_tiny(root).version
    second = publish_tiny(root, seed=1, channel="canary").version
    assert run("--repository", root, "--json") == 0
    channels = {"stable": first, "canary": second}
    assert as_json(capsys) == [{"name": "tiny", "versions": [first, second], "channels": channels}]
    monkeypatch.setenv("CODECD_REPOSITORY", str(root))
    assert run() == 0
    told = capsys.readouterr().out
    assert f"stable -> {first}" in told
    assert f"canary -> {second}" in told


def test_no_repository_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--repository", tmp_path / "nowhere") == 1
    assert "there is no model repository at" in capsys.readouterr().err


def test_a_preset_tells_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("encodec_16k_ds640", "--repository", tmp_path / "nowhere") == 0
    told = capsys.readouterr().out
    for fact in (
        "57,549,987 (encoder 28,775,184, decoder 28,774,803; 18,242 of them in norms)",
        "25 a second, of 640 samples",
        "32 of 1024, 4,194,304 numbers",
        "2074.5 to encode, 2074.5 to decode",
        "latency          whole item",
        "up to 30 s whole, longer in segments of 10 s every 9.52 s",
    ):
        assert fact in told
    table = [line.split() for line in told.splitlines()[-6:]]
    assert [row[:3] for row in table[::5]] == [["1", "25", "250"], ["32", "800", "8000"]]


def test_labels_are_in_the_rates(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("semantic_concat", "--json") == 0
    facts = as_json(capsys)
    first = facts["rates"][0]
    assert (first["n_q"], first["tokens_per_second"], first["bitrate_bps"], first["label_bps"]) == (
        1,
        50,
        1200,
        700,
    )
    assert (facts["latency_ms"], facts["streamable"], facts["frame_rate"]) == (None, False, [50, 1])


def test_a_published_model_comes_before_a_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = publish_tiny(tmp_path, "stream_16k").version
    assert run("stream_16k", "--repository", tmp_path) == 0
    told = capsys.readouterr().out
    assert f"stream_16k@{version}" in told
    assert f"{TINY.quantizer.codebooks} of {TINY.quantizer.codebook_size}" in told
    assert "42 ms" in told
    assert run("stream_16k@canary", "--repository", tmp_path) == 1
    assert "no channel" in capsys.readouterr().err


def test_a_config_file_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("family: seanet\nsample_rate: 22050\nnetwork: {filters: 4}\n")
    assert run(path, "--json") == 0
    assert as_json(capsys)["frame_rate"] == [2205, 32]
    assert run("encodec_17k") == 1
    assert "no file and no preset" in capsys.readouterr().err


def test_presets_have_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    some = {name: presets()[name] for name in ("stream_16k", "encodec_16k", "soundstream_16k_stream")}
    monkeypatch.setattr("codec.config.presets", lambda: some)
    assert run("--presets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == sorted(some)
    assert lines[1].split()[1:4] == ["14,855,843", "1.046", "0.993"]
    assert "20 ms" in lines[2]
    assert "3330 samples, 208 ms" in lines[2]
    assert run("--presets", "--json") == 0
    assert [facts["name"] for facts in as_json(capsys)] == sorted(some)
    assert run("--presets", "encodec_16k") == 1
    assert "leave the name out" in capsys.readouterr().err
