"""Checkpoints: everything the next step depends on, written whole, read without running anything."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from codec.errors import ConfigError
from tests.training.tiny import (
    TINY_DISCRIMINATOR,
    TINY_LOSSES,
    assert_equal_runs,
    make_trainer,
    shrunk,
    tiny_recipe,
    write_audio,
    write_labels,
)
from training.recipe import Recipe
from training.run_state import find_checkpoint, read_run, resume_run, save_run

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_labels(folder / "labels", write_audio(folder / "audio"))
    return folder


BALANCED_AND_GATED = {
    "losses": TINY_LOSSES | {"balancer": True},
    "discriminator": TINY_DISCRIMINATOR | {"gated": True},
}


def test_a_run_is_named_by_its_folder_or_a_checkpoint(tmp_path: Path) -> None:
    for name in ("last.pt", "best.pt"):
        (tmp_path / name).touch()
    assert find_checkpoint(tmp_path) == find_checkpoint(tmp_path / "last.pt") == tmp_path / "last.pt"
    assert find_checkpoint(tmp_path / "best.pt") == tmp_path / "best.pt"
    (tmp_path / "version").mkdir()
    assert find_checkpoint(tmp_path / "version") is find_checkpoint(tmp_path / "nothing") is None


def assert_resumed_equals_whole(recipe: Recipe, tmp_path: Path, stop: int, steps: int) -> None:
    whole, first, second = make_trainer(recipe), make_trainer(recipe), make_trainer(recipe, seed=99)
    whole.start()
    first.start()
    for _ in range(steps):
        whole.advance()
    for _ in range(stop):
        first.advance()
    save_run(first, tmp_path / "half.pt")
    resume_run(second, tmp_path / "half.pt")
    assert second.step == stop
    for _ in range(steps - stop):
        second.advance()
    save_run(whole, tmp_path / "whole.pt")
    save_run(second, tmp_path / "resumed.pt")
    assert_equal_runs(tmp_path / "whole.pt", tmp_path / "resumed.pt")


@pytest.mark.parametrize(("stop", "changes"), [(2, {}), (3, {}), (4, {}), (7, {}), (6, BALANCED_AND_GATED)])
def test_resumed_equals_uninterrupted_bit_for_bit(
    folder: Path, tmp_path: Path, stop: int, changes: dict[str, object]
) -> None:
    """Stopped before, at and after the start of codebooks and discriminators, into a fresh trainer."""
    assert_resumed_equals_whole(tiny_recipe(folder, **changes), tmp_path, stop, 9)


@pytest.mark.parametrize(
    "name", ["funcodec_16k", "soundstream_16k", "freqcodec_m6", "semantic_residual", "dac_16k"]
)
def test_so_it_is_for_every_family(folder: Path, tmp_path: Path, name: str) -> None:
    """With discriminators from the start, gated but for DAC's; with a balancer, but for DAC."""
    balanced = {} if name == "dac_16k" else {"losses": {"balancer": True}}
    recipe = shrunk(name, folder, steps=4, freeze_encoder_at=3, **balanced)
    assert_resumed_equals_whole(recipe, tmp_path, 2, 4)


def test_a_discriminator_of_another_size_starts_fresh(folder: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tiny_recipe(folder))
    for _ in range(6):
        trainer.advance()
    save_run(trainer, tmp_path / "a.pt")
    wider = tiny_recipe(
        folder,
        discriminator=TINY_DISCRIMINATOR | {"kinds": [{"kind": "stft", "n_ffts": [256], "filters": 4}]},
    )
    other = make_trainer(wider)
    assert other.judge is not None
    before = [p.detach().clone() for p in other.judge.parameters()]
    resume_run(other, tmp_path / "a.pt")
    assert all(torch.equal(p, q) for p, q in zip(before, other.judge.parameters(), strict=True))
    other.advance()
    without = make_trainer(tiny_recipe(folder, discriminator=None))
    resume_run(without, tmp_path / "a.pt")
    without.advance()
    assert without.step == other.step == 7


def test_a_run_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    save_run(make_trainer(tiny_recipe(folder)), tmp_path / "a.pt")
    other = make_trainer(shrunk("funcodec_16k", folder))
    with pytest.raises(ConfigError, match="a run of another model config; train it into another folder"):
        resume_run(other, tmp_path / "a.pt")


class Trap:
    """What a malicious checkpoint does when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('the checkpoint ran code')",)


def test_what_is_no_checkpoint_is_refused_and_never_run(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save_run(make_trainer(tiny_recipe(folder)), path)
    whole = path.read_bytes()
    torch.save({"format": 1, "step": Trap()}, tmp_path / "trap.pt")
    damaged = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "text": b"not a checkpoint",
        "pickle": pickle.dumps(Trap(), protocol=2),
        "trap": (tmp_path / "trap.pt").read_bytes(),
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=f"{name} is damaged or no training checkpoint"):
            read_run(tmp_path / name)
    torch.save({"format": 99}, path)
    with pytest.raises(ConfigError, match="no training checkpoint of format 1"):
        read_run(path)
    torch.save([1, 2], path)
    with pytest.raises(ConfigError, match="no training checkpoint of format 1"):
        read_run(path)
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path / "nowhere.pt")


def test_a_failed_write_keeps_the_last_checkpoint(folder: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tiny_recipe(folder))
    save_run(trainer, tmp_path / "a.pt")
    good = (tmp_path / "a.pt").read_bytes()
    # A function cannot be written, which is found out in the middle of the file.
    trainer.optimiser.param_groups[0]["lr"] = lambda: None
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save_run(trainer, tmp_path / "a.pt")
    assert (tmp_path / "a.pt").read_bytes() == good
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]
