"""A rank of `test_ranks`: trains each recipe of a folder for its steps; the first rank saves.

torchrun --nproc-per-node 2 -m tests.training.rank_worker FOLDER
"""

import sys
from pathlib import Path

import torch

from tests.training.tiny import make_trainer
from training.ranks import joined
from training.recipe import load_recipe
from training.run_state import save_run


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with joined("cpu") as ranks:
        for path in sorted(folder.glob("*.recipe")):
            trainer = make_trainer(load_recipe(str(path), []), ranks=ranks)
            trainer.start()
            for _ in range(trainer.recipe.steps):
                trainer.advance()
            # Every rank's model is looked at, not only the one that a run would save.
            save_run(trainer, folder / f"{path.stem}_{ranks.rank}.pt")
        if ranks.any(ranks.rank == 1) and not ranks.any(False):
            (folder / f"agreed_{ranks.rank}").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
