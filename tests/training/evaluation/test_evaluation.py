"""A whole evaluation, and the command that runs it."""

import argparse
import csv
import json
import shutil
from pathlib import Path

import pytest

from codec.errors import CodecError, ConfigError, InvalidRequestError
from codec.repository import Repository
from tests.codec.models import publish_tiny
from tests.training.evaluation.plans import CODEBOOKS, write_clips
from tests.training.tiny import tiny_recipe, write_audio
from training.cli import register_eval
from training.evaluation.evaluation import Request, evaluate
from training.publish import Publication, publish_run
from training.run import train


@pytest.fixture
def place(tmp_path: Path) -> Path:
    publish_tiny(tmp_path / "models")
    write_clips(tmp_path / "audio")
    return tmp_path


def run(place: Path, *options: object, model: object = "tiny") -> int:
    """`codecd eval`, on the tiny model if no other is named."""
    parser = argparse.ArgumentParser()
    register_eval(parser.add_subparsers())
    words = ["eval", model, place / "audio", "--out", place / "out", "--repository", place / "models"]
    arguments = parser.parse_args([str(word) for word in (*words, *options)])
    status: int = arguments.run(arguments)
    return status


def test_the_command_writes_the_whole_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baselines = [f"{name}:{rate}" for name, rate in (("opus", 6000), ("codec2", 3200)) if _installed(name)]
    assert run(place, "--metrics", "level,si_sdr", "--baselines", ",".join(baselines)) == 1
    out = place / "out"
    captured = capsys.readouterr()
    assert captured.out.strip() == str(out / "report.md")
    assert "z_broken.wav: : reading: " in captured.err
    names = ["rate_quality.png", "rate_quality.svg", "report.json", "report.md", "scores.csv"]
    assert sorted(path.name for path in out.iterdir()) == names
    report = json.loads((out / "report.json").read_text())
    assert (report["model"], report["files"]) == ("tiny", 4)
    labels = [codec["label"] for codec in report["codecs"]]
    assert labels[:4] == [f"tiny, n_q {n_q}" for n_q in (1, 2, 4, 6)]
    assert len(labels) == 4 + len(baselines)
    assert report["codecs"][0]["means"]["si_sdr_db"]["n"] == 2
    assert len(report["codebooks"]) == CODEBOOKS
    assert report["peak_memory_bytes"] > 2**26
    with (out / "scores.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3 * len(labels)
    with pytest.raises(InvalidRequestError, match="use --force"):
        run(place)


def test_a_run_is_judged_beside_another_model_and_ships_with_its_report(place: Path) -> None:
    write_audio(place / "audio", clips=1)
    train(tiny_recipe(place, steps=5, linear_start=False), place / "mine")
    options = ("--n-q", "2,4", "--metrics", "si_sdr", "--beside", "tiny", "--every", "5")
    assert run(place, *options, model=place / "mine") == 0
    report = json.loads((place / "out" / "report.json").read_text())
    assert (report["model"], report["version"]) == ("mine", "(run, step 5)")
    means = {codec["label"]: codec["means"] for codec in report["codecs"]}
    assert list(means) == ["mine, n_q 2", "mine, n_q 4", "tiny, n_q 2", "tiny, n_q 4"]

    publish_run(place / "mine", place / "models", Publication("good", "stable", report=place / "out"))
    manifest = Repository(place / "models").resolve("good").manifest()
    assert manifest.metrics["si_sdr_db, n_q 4"] == means["mine, n_q 4"]["si_sdr_db"]["mean"]
    assert {"rate_quality.png", "rate_quality.svg", "report.json", "report.md"} < set(manifest.files)


@pytest.mark.parametrize(
    ("change", "kind", "complaint"),
    [
        ({"n_q": (7,)}, InvalidRequestError, "n_q is 7"),
        (
            {"metrics": ("visqol_audio",), "visqol_svr": Path("none")},
            ConfigError,
            "no metric can",
        ),
        ({"baselines": ("mp3",)}, InvalidRequestError, "no baseline"),
        ({"workers": 0}, InvalidRequestError, "0 workers cannot work"),
        ({"every": 0}, InvalidRequestError, "makes no sense"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_anything_is_written(
    place: Path, change: dict[str, object], kind: type[CodecError], complaint: str
) -> None:
    request = Request("tiny", place / "models", place / "audio", place / "out", metrics=("level",))
    fields = {name: getattr(request, name) for name in ("model", "repository", "data", "out", "metrics")}
    with pytest.raises(kind, match=complaint):
        evaluate(Request(**(fields | change)))
    assert not (place / "out").exists()


def _installed(name: str) -> bool:
    return shutil.which({"opus": "opusenc", "codec2": "c2enc"}[name]) is not None
