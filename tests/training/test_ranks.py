"""Two processes that train together do what one does on the same batch. Real processes, joined by gloo."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from codec.errors import ConfigError
from codec.factorised_quantizer import quantizer_of
from tests.support import REPOSITORY_ROOT, free_port
from tests.training.tiny import (
    TINY,
    TINY_DISCRIMINATOR,
    TINY_LOSSES,
    make_trainer,
    shrunk,
    tiny_recipe,
    write_audio,
    write_labels,
)
from training.ranks import ALONE, Ranks, SharedQuantizer, joined
from training.recipe import Recipe
from training.run_state import CHECKPOINT, read_run, save_run

pytestmark = pytest.mark.usefixtures("single_thread")

RECIPES = ("spectral", "residual", "factorised")
STEPS = 2


def recipes(folder: Path) -> dict[str, Recipe]:
    """All that ranks have to agree on: starts, revival, gate, balancer, relative features, items."""
    judged = TINY_DISCRIMINATOR | {"gated": True, "items": 2, "start_step": 0}
    data = {"train": str(folder / "audio"), "crop_seconds": 0.16, "batch_items": 4}
    books: dict[str, Any] = {
        "start_step": 1,
        "start_vectors": 40,
        "kmeans_iterations": 2,
        "revival_share": 0.2,
    }
    books["n_q_choices"] = [1, 2, 4]
    seanet = {"steps": STEPS, "discriminator": judged, "losses": TINY_LOSSES | {"balancer": True}}
    residual = shrunk("semantic_residual", folder).data.model_dump(mode="json") | data
    return {
        "spectral": tiny_recipe(
            folder, steps=STEPS, data=data, codebooks=books, discriminator=judged, losses=seanet["losses"]
        ),
        "residual": shrunk("semantic_residual", folder, data=residual, codebooks=books, **seanet),
        "factorised": shrunk("dac_16k", folder, data=data, steps=STEPS),
    }


def run_ranks(*arguments: str | Path) -> None:
    """Two ranks of a module, with what `torchrun` would tell them; what they say is shown if they fail."""
    told = {
        "OMP_NUM_THREADS": "1",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", *map(str, arguments)]
    processes = [
        subprocess.Popen(
            command,
            cwd=REPOSITORY_ROOT,
            env=os.environ | told | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=100)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], said[0][-2000:] + said[1][-2000:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ranks")
    write_labels(made / "labels", write_audio(made / "audio"))
    for name, recipe in recipes(made).items():
        (made / f"{name}.recipe").write_text(recipe.to_yaml())
    run_ranks("tests.training.rank_worker", made)
    return made


def gradients(state: dict[str, Any]) -> Tensor:
    """The running means that an optimiser keeps: of every gradient so far, and of its square's root."""
    moments = [torch.cat([m["exp_avg"].flatten(), m["exp_avg_sq"].sqrt().flatten()]) for m in state.values()]
    return torch.cat(moments).double()


@pytest.mark.parametrize("name", RECIPES)
def test_two_ranks_are_one_on_the_same_batch(name: str, folder: Path, tmp_path: Path) -> None:
    alone = make_trainer(recipes(folder)[name])
    alone.start()
    logs = [alone.advance() for _ in range(STEPS)]
    save_run(alone, tmp_path / "alone.pt")
    ranks = [read_run(folder / f"{name}_{rank}.pt") for rank in range(2)]
    wanted = read_run(tmp_path / "alone.pt")
    # Not the weights, to the last digit: Adam makes steps of full size of gradients that are only rounding.
    # Those of the discriminators are small differences of what real and coded audio ask for.
    for side, share in (("optimiser", 1e-4), ("judge_optimiser", 5e-3)):
        found, right = (gradients(state[side]["state"]) for state in (ranks[0], wanted))
        assert float((found - right).norm() / right.norm()) < share, side
    for key, tensor in wanted["codec"].items():
        torch.testing.assert_close(ranks[0]["codec"][key], tensor, rtol=1e-2, atol=2e-3)
    assert ranks[0]["generator_loss"] == pytest.approx(wanted["generator_loss"], rel=1e-3)
    for key, tensor in (wanted["codebooks"] or {}).items():
        torch.testing.assert_close(ranks[0]["codebooks"][key], tensor, rtol=1e-3, atol=1e-3)
    for key, norm in wanted["balancer"].items():
        assert ranks[0]["balancer"][key] == pytest.approx(norm, rel=1e-3)
    assert (sum(log.revived for log in logs) > 0) == (name != "factorised")
    for part in ("codec", "average", "judge"):
        for key, tensor in ranks[0][part].items():
            assert torch.equal(ranks[1][part][key], tensor), key
    assert ranks[0]["codebooks"] is None or torch.equal(
        ranks[0]["codebooks"]["counts"], ranks[1]["codebooks"]["counts"]
    )


def test_ranks_agree_on_flags(folder: Path) -> None:
    assert sorted(path.name for path in folder.glob("agreed_*")) == ["agreed_0", "agreed_1"]


@pytest.mark.slow
def test_a_run_of_two_writes_once(folder: Path, tmp_path: Path) -> None:
    """`codecd train` under torchrun: one folder, one checkpoint, as if one process had run."""
    (tmp_path / "r.yaml").write_text(recipes(folder)["spectral"].to_yaml())
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    command = [*launcher, "-m", "codec.cli", "train", f"{tmp_path}/r.yaml", "--out", f"{tmp_path}/run"]
    subprocess.run([sys.executable, *command], cwd=REPOSITORY_ROOT, check=True, timeout=100)
    state = read_run(tmp_path / "run" / CHECKPOINT)
    assert state["step"] == STEPS
    assert len(list((tmp_path / "run").glob("events.*"))) == 1
    assert (tmp_path / "run" / "report.md").exists()
    ranks = read_run(folder / "spectral_0.pt")
    for key, tensor in ranks["codec"].items():
        assert torch.equal(state["codec"][key], tensor), key


def test_alone_nothing_changes() -> None:
    value = torch.randn(6, 2)
    assert torch.equal(ALONE.mean(value), value)
    assert torch.equal(ALONE.gather(value), value)
    assert ALONE.means({"a": 0.1}) == {"a": 0.1}
    assert (ALONE.any(True), ALONE.any(False), ALONE.first) == (True, False, True)
    assert torch.equal(value[ALONE.rows], value)
    parameter = torch.nn.Parameter(value)
    ALONE.average_gradients([parameter])
    assert parameter.grad is None


def test_shares_are_interleaved() -> None:
    rows = [torch.arange(6)[Ranks(rank, 3).rows].tolist() for rank in range(3)]
    assert rows == [[0, 3], [1, 4], [2, 5]]


def test_a_quantizer_shared_with_nobody_is_the_quantizer() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        quantizer = quantizer_of(TINY.quantizer)
        for buffer in quantizer.buffers():
            buffer.normal_()
        vectors, n_q = (
            torch.randn(3, 5, TINY.quantizer.dimension, requires_grad=True),
            torch.tensor([1, 4, 2]),
        )
    plain, shared = quantizer(vectors, n_q), SharedQuantizer(quantizer, ALONE)(vectors, n_q)
    assert torch.equal(plain.codes, shared.codes)
    slopes = [torch.autograd.grad(q.commitment + q.vectors.sum(), vectors)[0] for q in (plain, shared)]
    torch.testing.assert_close(*slopes)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_and_auto_does_without() -> None:
    with pytest.raises(ConfigError, match="use device=auto"), joined("cuda"):
        pass
    with joined("auto") as ranks:
        assert ranks == ALONE
