"""A whole probe, and the command that runs it."""

import argparse
import json
from pathlib import Path

import pytest

from codec.errors import CodecError, InvalidRequestError, NotFoundError
from tests.codec.models import publish_tiny
from tests.training.probe.recordings import write_recordings
from training.cli import register_probe
from training.probe.learning import Learning
from training.probe.probe import Request, probe
from training.probe.utterance import INPUTS

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    publish_tiny(tmp_path / "models")
    for seed, (folder, count) in enumerate((("train", 6), ("test", 3))):
        write_recordings(tmp_path / folder, tmp_path / "labels", count, seed)
    return tmp_path


def request(place: Path, **changes: object) -> Request:
    fields: dict[str, object] = {
        "model": "tiny",
        "repository": place / "models",
        "data": place / "train",
        "test": place / "test",
        "learning": Learning(epochs=2),
        "labels": place / "labels",
    }
    return Request(**(fields | changes))  # type: ignore[arg-type]


def run(place: Path, *options: object) -> int:
    """`codecd probe` on the tiny model."""
    parser = argparse.ArgumentParser()
    register_probe(parser.add_subparsers())
    words = ["probe", "tiny", place / "train", "--test", place / "test", "--labels", place / "labels"]
    words += ["--repository", place / "models", *options]
    arguments = parser.parse_args([str(word) for word in words])
    status: int = arguments.run(arguments)
    return status


def test_the_command_prints_the_table_and_writes_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "out"
    assert run(place, "--n-q", "4", "--epochs", "2", "--out", out) == 0
    printed = capsys.readouterr().out
    assert printed.strip() == (out / "probe.md").read_text().strip()
    assert all(f"\n| {name} | " in printed for name in INPUTS)
    report = json.loads((out / "probe.json").read_text())
    assert (report["model"], report["n_q"]) == ("tiny", 4)
    assert [result["input"] for result in report["results"]] == list(INPUTS)
    assert [result["epochs"] for result in report["results"]] == [2] * 4
    with pytest.raises(InvalidRequestError, match="use --force"):
        run(place, "--out", out)


def test_a_recording_that_is_left_out_is_a_failure(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "test" / "z.wav").write_bytes(b"no audio")
    assert run(place, "--epochs", "1") == 1
    assert "**1 recordings left out**" in capsys.readouterr().out


def test_tones_are_learnt_and_the_probe_is_the_same_again(place: Path) -> None:
    report = probe(request(place, learning=Learning(epochs=12, patience=12, batch_items=1)))
    log_mel = report.results[0]
    assert report.chance.mean > 0.5
    assert log_mel.error.mean < 0.2
    assert log_mel.difference.mean == 0
    for result in report.results:
        assert len(result.rates) == report.test_recordings == result.error.n == 3
        assert result.difference.mean == pytest.approx(result.error.mean - log_mel.error.mean)
    assert (report.train_recordings, report.held_out_recordings, report.n_q) == (5, 1, 6)
    assert report.data_seconds == pytest.approx(12.0)
    twins = [probe(request(place)).results for _ in range(2)]
    assert [item.rates for item in twins[0]] == [item.rates for item in twins[1]]
    assert [item.held_out_error for item in twins[0]] == [item.held_out_error for item in twins[1]]


@pytest.mark.parametrize(
    ("changes", "kind", "complaint"),
    [
        ({"n_q": 7}, InvalidRequestError, "n_q is 7"),
        ({"model": "nobody"}, NotFoundError, "nobody"),
        ({"every": 6}, InvalidRequestError, "one recording to learn from is too few"),
    ],
)
def test_what_cannot_be_probed_is_explained(
    place: Path, changes: dict[str, object], kind: type[CodecError], complaint: str
) -> None:
    with pytest.raises(kind, match=complaint):
        probe(request(place, out=place / "out", **changes))
    assert not (place / "out").exists()


def test_no_recording_is_both_learnt_from_and_tested_on(place: Path) -> None:
    with pytest.raises(InvalidRequestError, match="3 recordings are in both sets"):
        probe(request(place, data=place / "test"))
