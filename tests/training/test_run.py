"""A run in a folder: it can be stopped, resumed, watched, and stops itself when it goes wrong."""

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from codec.errors import ConfigError
from tests.support import REPOSITORY_ROOT, SAMPLE_RATE_HZ, voiced
from tests.training.tiny import TINY, assert_equal_runs, tiny_recipe, write_audio
from training.recipe import Recipe
from training.run import train
from training.run_state import CHECKPOINT, read_run
from training.trainer import TrainingError

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run")
    write_audio(made / "audio")
    return made


def go_on(recipe: Recipe, **changes: object) -> Recipe:
    return Recipe.model_validate(recipe.model_dump() | changes)


def test_a_run_that_was_terminated_and_resumed_equals_one_that_was_not(folder: Path, tmp_path: Path) -> None:
    """Through a real SIGTERM to a real `codecd train`, at whatever step it happens to arrive."""
    recipe = tiny_recipe(folder, steps=20, checkpoint_every=1)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "codec.cli",
        "train",
        tmp_path / "recipe.yaml",
        "--out",
        stopped,
    ]
    with subprocess.Popen(command, cwd=REPOSITORY_ROOT, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 90
            while not (stopped / CHECKPOINT).exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    reached = read_run(stopped / CHECKPOINT)["step"]
    assert 1 <= reached < 20
    train(recipe, stopped)
    train(recipe, whole)
    assert read_run(whole / CHECKPOINT)["step"] == 20
    assert_equal_runs(stopped / CHECKPOINT, whole / CHECKPOINT)


def test_a_run_can_be_watched_and_heard(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tiny_recipe(folder), tmp_path / "run") == tmp_path / "run" / CHECKPOINT
    events = EventAccumulator(str(tmp_path / "run"), {"scalars": 0, "images": 0, "audio": 0})
    events.Reload()
    scalars = set(events.Tags()["scalars"])
    assert {"generator", "mel", "commitment", "adversarial", "revived"} <= scalars
    assert {"audio_seconds_per_second", "codebook_perplexity/00"} <= scalars
    assert {"weighted/mel", "weighted/adversarial"} <= scalars
    assert [event.step for event in events.Scalars("mel")] == [2, 4, 6, 8, 10, 12]
    assert {"original", "n_q_2", "n_q_4"} <= set(events.Tags()["audio"])
    assert {"original", "n_q_2", "n_q_4"} <= set(events.Tags()["images"])
    told = capsys.readouterr().err
    assert "12/12" in told
    assert "audio_seconds_per_second" in told
    assert "weighted" not in told
    written = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert written["steps"] == 12
    assert (tmp_path / "run" / "report.md").exists()


def test_a_finished_run_goes_on_with_more_steps(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder, steps=4)
    first = read_run(train(recipe, tmp_path))
    again = read_run(train(recipe, tmp_path))
    assert first["step"] == again["step"] == 4
    assert all(torch.equal(first["average"][name], tensor) for name, tensor in again["average"].items())
    assert read_run(train(go_on(recipe, steps=6), tmp_path))["step"] == 6
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text())["steps"] == 6


def test_a_run_that_goes_wrong_stops_and_leaves_the_last_good_checkpoint(
    folder: Path, tmp_path: Path
) -> None:
    recipe = tiny_recipe(folder, steps=4)
    checkpoint = train(recipe, tmp_path)
    good = checkpoint.read_bytes()
    absurd = recipe.optimiser.model_dump() | {"learning_rate": 1e36}
    with pytest.raises(TrainingError, match=r"(loss|gradient) is (nan|inf) at step \d"):
        train(go_on(recipe, steps=20, checkpoint_every=1000, optimiser=absurd), tmp_path)
    assert checkpoint.read_bytes() == good
    assert read_run(train(go_on(recipe, steps=6), tmp_path))["step"] == 6


def test_broken_files_are_named_at_the_end_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_audio(tmp_path / "audio")
    (tmp_path / "audio" / "broken.wav").write_bytes(b"RIFF")
    with caplog.at_level(logging.WARNING):
        train(tiny_recipe(tmp_path, steps=1), tmp_path / "run")
    assert "broken.wav" in caplog.records[-1].getMessage()
    assert "was not used" in caplog.records[-1].getMessage()


def test_a_run_without_audio_or_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"add data\.train=FOLDER"):
        train(tiny_recipe(folder, data={}), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"codebooks\.n_q_choices has 32; the model has 4"):
        train(tiny_recipe(folder, codebooks={}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    recipe = tiny_recipe(folder, steps=1)
    train(recipe, tmp_path / "run")
    other = TINY.model_copy(update={"sample_rate": 24000})
    (tmp_path / "other.yaml").write_text(other.to_yaml())
    with pytest.raises(ConfigError, match="another model config; train it into another folder"):
        train(go_on(recipe, model=str(tmp_path / "other.yaml")), tmp_path / "run")


def test_short_recordings_are_enough(tmp_path: Path) -> None:
    """Every clip is shorter than a crop, and than the excerpt to listen to."""
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", voiced(0.15), SAMPLE_RATE_HZ)
    assert read_run(train(tiny_recipe(tmp_path, steps=7), tmp_path / "run"))["step"] == 7


def test_the_best_checkpoint_is_kept_and_remembered(folder: Path, tmp_path: Path) -> None:
    """Stopped and resumed, a run has the same best one as when it was not."""
    data = {"train": str(folder / "audio"), "valid": str(folder / "audio"), "crop_seconds": 0.16}
    changes: dict[str, object] = {"data": data | {"batch_items": 2}, "validate_every": 2, "validate_items": 3}
    recipe = tiny_recipe(folder, steps=8, keep_last=2, checkpoint_every=2, **changes)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(recipe, whole)
    best = read_run(whole / "best.pt")
    last = read_run(whole / CHECKPOINT)
    assert best["step"] in (4, 6, 8)
    assert 0 < last["best_distance"] == best["best_distance"] < 10
    assert sorted(p.name for p in whole.glob("step_*")) == ["step_00000006.pt", "step_00000008.pt"]
    train(go_on(recipe, steps=6), parts)
    train(recipe, parts)
    # The rate depends on the number of steps, so the runs are not the same; what they keep is.
    assert read_run(parts / CHECKPOINT)["best_distance"] == read_run(parts / "best.pt")["best_distance"]
    assert "Best checkpoint: `best.pt`" in (whole / "report.md").read_text()


def test_a_run_begins_with_the_weights_of_another(folder: Path, tmp_path: Path) -> None:
    first = read_run(train(tiny_recipe(folder, steps=6), tmp_path / "first"))
    fine: dict[str, object] = {"linear_start": False, "init": str(tmp_path / "first"), "steps": 1}
    rates = {"learning_rate": 1e-9, "weight_decay": 0, "warmup_steps": 1}
    fine |= {"optimiser": rates, "discriminator": None, "model": None}
    tuned = read_run(train(go_on(tiny_recipe(folder), **fine), tmp_path / "tuned"))
    assert tuned["step"] == 1
    for name, tensor in first["average"].items():
        torch.testing.assert_close(tuned["codec"][name], tensor, rtol=0, atol=1e-6)
    other = go_on(tiny_recipe(folder), **fine | {"model": "encodec_16k", "steps": 2})
    with pytest.raises(
        ConfigError, match="is another model than encodec_16k; leave model out, or change init"
    ):
        train(other, tmp_path / "other")
