"""Which checkpoints of a run stay in its folder."""

import shutil
from pathlib import Path

from codec.atomic import replacing
from training.run_state import CHECKPOINT, save_run
from training.trainer import Trainer

BEST = "best.pt"
_NUMBERED = "step_{:08d}.pt"


class Checkpoints:
    """`last.pt`, which a run resumes from; `best.pt`; and `keep_last` numbered ones, the newest."""

    def __init__(self, folder: Path, keep_last: int) -> None:
        self._folder = folder
        self._keep_last = keep_last

    def save(self, trainer: Trainer) -> Path:
        """Write the last checkpoint, and drop those that are too many; returns its path."""
        last = self._folder / CHECKPOINT
        save_run(trainer, last)
        if self._keep_last:
            with replacing(self._folder / _NUMBERED.format(trainer.step)) as draft:
                shutil.copyfile(last, draft)
            # A run that was resumed may have left some from after this step, which will be written again.
            for path in sorted(self._folder.glob("step_*.pt"))[: -self._keep_last]:
                path.unlink()
        return last

    def save_best(self, trainer: Trainer) -> None:
        """Write the best checkpoint so far."""
        save_run(trainer, self._folder / BEST)
