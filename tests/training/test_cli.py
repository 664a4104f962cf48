"""`codecd train` and `codecd publish` from the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from codec.checkpoint import open_codec
from codec.cli import main
from tests.training.tiny import tiny_recipe, write_audio
from training.run_state import read_run

pytestmark = pytest.mark.usefixtures("single_thread")

Run = Callable[..., int]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    write_audio(tmp_path / "audio", clips=1)
    path = tmp_path / "recipe.yaml"
    path.write_text(tiny_recipe(tmp_path).to_yaml())
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_train_then_publish_then_use(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", recipe, "steps=5", "seed=3", "--out", tmp_path / "run") == 0
    checkpoint = Path(capsys.readouterr().out.strip())
    assert checkpoint == tmp_path / "run" / "last.pt"
    assert read_run(checkpoint)["step"] == 5
    assert "seed: 3" in read_run(checkpoint)["recipe"]
    root = tmp_path / "models"
    assert run("publish", tmp_path / "run", "--name", "mine", "--repository", root) == 0
    version = capsys.readouterr().out.strip()
    loaded = open_codec("mine", root)
    assert loaded.identity.version == version
    assert loaded.manifest.licence == "Apache-2.0"
    assert run("models", "--repository", root) == 0
    assert f"stable -> {version}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nobody"], "'nobody' is no recipe and no file; recipes: "),
        (["stream_16k"], "no audio to train on; add data.train=FOLDER"),
        (["stream_16k", "data.train=nowhere"], "no audio below nowhere"),
        (["stream_16k", "stepz=3"], "correct stepz: Extra inputs"),
        (["stream_16k", "steps"], "'steps' is not key=value"),
    ],
)
def test_what_cannot_be_trained_is_explained(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", *arguments, "--out", tmp_path / "run") == 1
    told = capsys.readouterr().err
    assert complaint in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()


def test_a_run_that_goes_wrong_is_a_failure(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", recipe, "optimiser.learning_rate=1e36", "--out", tmp_path / "run") == 1
    assert "codecd: the " in capsys.readouterr().err


def test_publish_of_nothing_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("publish", tmp_path / "nothing", "--name", "x", "--repository", tmp_path / "models") == 1
    assert "nothing" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
