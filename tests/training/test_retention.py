"""Checkpoints that stay: the last, the best, and as many numbered ones as asked for."""

from pathlib import Path

import pytest

from tests.training.tiny import make_trainer, tiny_recipe, write_audio
from training.retention import BEST, Checkpoints
from training.run_state import read_run


@pytest.mark.parametrize(("keep_last", "numbered"), [(0, []), (1, [30]), (2, [20, 30]), (9, [10, 20, 30])])
def test_the_newest_stay(keep_last: int, numbered: list[int], tmp_path: Path) -> None:
    write_audio(tmp_path / "audio", clips=1)
    trainer = make_trainer(tiny_recipe(tmp_path, discriminator=None))
    out = tmp_path / "run"
    out.mkdir()
    checkpoints = Checkpoints(out, keep_last)
    for step in (10, 20, 30):
        trainer.step = step
        assert checkpoints.save(trainer) == out / "last.pt"
        if step == 20:
            checkpoints.save_best(trainer)
    names = {f"step_{step:08d}.pt" for step in numbered}
    assert {path.name for path in out.iterdir()} == {"last.pt", BEST} | names
    assert read_run(out / "last.pt")["step"] == 30
    assert read_run(out / BEST)["step"] == 20
    for step in numbered:
        assert read_run(out / f"step_{step:08d}.pt")["step"] == step
