"""`torch.compile`: the same losses, the same checkpoints, and no compiling again.

The fast tests stop where graphs are found: to turn them into machine code takes minutes.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from codec.errors import ConfigError
from tests.training.tiny import (
    TINY_DISCRIMINATOR,
    TINY_LOSSES,
    make_trainer,
    shrunk,
    tiny_recipe,
    write_audio,
)
from training.compiled import compiled
from training.recipe import Recipe
from training.run_state import resume_run, save_run
from training.trainer import Trainer

pytestmark = [
    pytest.mark.usefixtures("single_thread"),
    # torch hides it where it looks at tensors, but not where warnings are errors.
    pytest.mark.filterwarnings(r"ignore:The \.grad attribute of a Tensor:UserWarning"),
]

CPU = torch.device("cpu")
ONE_STFT = {"kind": "stft", "n_ffts": [128], "filters": 2}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.fixture
def graphs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


def n_graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


def small(folder: Path, **changes: object) -> Recipe:
    """Every phase from the first step on, and few operations to trace."""
    write_audio(folder / "audio", clips=1)
    return tiny_recipe(
        folder,
        linear_start=False,
        codebooks={"start_step": 0, "start_vectors": 40, "kmeans_iterations": 2, "n_q_choices": [1, 2, 3, 4]},
        losses=TINY_LOSSES | {"mel": 0},
        discriminator=TINY_DISCRIMINATOR | {"kinds": [ONE_STFT], "start_step": 0},
        **changes,
    )


def assert_same_losses(eager: Trainer, fast: Trainer, steps: int, rtol: float) -> None:
    first = 0
    for _ in range(steps):
        expected, found = eager.advance(), fast.advance()
        first = first or n_graphs()
        assert found.terms == pytest.approx(expected.terms, rel=rtol, abs=1e-6)
    assert first >= 6, "encoder, decoder, losses, and discriminators thrice"
    # Neither the codebooks drawn, nor the rate, nor the weights are built into the code.
    assert n_graphs() == first
    assert fast.codec.state_dict().keys() == eager.codec.state_dict().keys()


def with_compile(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"compile": True})


def test_a_module_keeps_its_names_and_tensors(graphs_only: None) -> None:
    part = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    fast = compiled(part, CPU)
    x = torch.randn(2, 3)
    assert torch.equal(fast(x), part(x))
    assert n_graphs() == 1
    assert fast.state_dict().keys() == part.state_dict().keys()
    with torch.no_grad():
        part.get_parameter("0.weight").zero_()
    assert torch.equal(fast(x), part(x))
    assert n_graphs() == 1


def test_without_a_compiler_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match="there is no no-such-compiler; install it, or set compile=false"):
        compiled(nn.Linear(2, 2), CPU)


def test_steps_are_the_same_and_a_run_goes_on_either_way(graphs_only: None, tmp_path: Path) -> None:
    recipe = small(tmp_path, bfloat16=True)
    eager, fast = make_trainer(recipe), make_trainer(with_compile(recipe))
    assert_same_losses(eager, fast, steps=3, rtol=1e-4)
    first = n_graphs()
    save_run(fast, tmp_path / "fast.pt")
    save_run(eager, tmp_path / "eager.pt")
    for trainer, other in ((eager, "fast.pt"), (fast, "eager.pt")):
        resume_run(trainer, tmp_path / other)
        assert trainer.step == 3
    assert fast.advance().terms == pytest.approx(eager.advance().terms, rel=1e-4, abs=1e-6)
    assert n_graphs() == first


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["stream_16k", "funcodec_16k"])
def test_machine_code_gives_the_same_losses(name: str, tmp_path: Path) -> None:
    recipe = small(tmp_path) if name == "stream_16k" else shrunk(name, tmp_path)
    write_audio(tmp_path / "audio")
    eager, fast = make_trainer(recipe), make_trainer(with_compile(recipe))
    assert_same_losses(eager, fast, steps=3, rtol=1e-2)
