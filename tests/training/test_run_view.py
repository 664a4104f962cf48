"""What happens between steps: numbers shown, checkpoints written, validation at its steps."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from tests.training.tiny import make_trainer, tiny_recipe, write_audio
from training.run_view import VALIDATION, RunView
from training.trainer import StepLog
from training.validation import Validator

pytestmark = pytest.mark.usefixtures("single_thread")


def test_every_part_comes_at_its_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_audio(tmp_path / "audio")
    changes = {"validate_every": 2, "validate_items": 2, "log_every": 3, "checkpoint_every": 4}
    trainer = make_trainer(tiny_recipe(tmp_path, steps=8, discriminator=None, listen_every=5, **changes))
    out = tmp_path / "run"
    out.mkdir()
    with RunView(trainer, out, Validator(trainer, trainer.data.store)) as view:
        for step in range(1, 9):
            log = trainer.advance()
            view.after(StepLog({**log.terms, "counted": float(step)}, log.weighted, log.revived))
            assert (out / "last.pt").exists() == (step >= 4)
    events = EventAccumulator(str(out), {"scalars": 0})
    events.Reload()
    counted = [(event.step, event.value) for event in events.Scalars("counted")]
    assert counted == [(3, 2.0), (6, 5.0)]
    # Codebooks start at step 3: before, there is nothing to compare.
    assert [event.step for event in events.Scalars(VALIDATION)] == [4, 6, 8]
    assert min(event.value for event in events.Scalars(VALIDATION)) == pytest.approx(
        trainer.best_distance, rel=1e-6
    )
    assert [event.step for event in events.Scalars("codebook_perplexity/00")] == [5]
    told = capsys.readouterr().err
    assert "8/8" in told
    assert "counted 5" in told
