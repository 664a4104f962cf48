"""That a recogniser learns, stops in time, and comes out the same again."""

import pytest
import torch
from torch import Tensor

from training.probe.learning import Labelled, Learning, error_rate, learn
from training.probe.recogniser import IndexInput, Recogniser, VectorInput

pytestmark = pytest.mark.usefixtures("single_thread")

CLASSES = 6
CHANCE = 1 - 1 / (CLASSES - 1)


def items(count: int, seed: int, noise: float = 0.5) -> list[Labelled]:
    """Vectors around a centre for each class."""
    random = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, 8, generator=torch.Generator().manual_seed(99))
    found = []
    for _ in range(count):
        classes = torch.randint(CLASSES, (120,), generator=random)
        found.append(Labelled(centres[classes] + noise * torch.randn(120, 8, generator=random), classes))
    return found


def as_indices(labelled: list[Labelled]) -> list[Labelled]:
    """The same as indices of two codebooks, coarse and fine: which numbers are positive."""
    powers = 2 ** torch.arange(4)
    return [
        Labelled(((item.frames > 0).unflatten(1, (2, 4)) * powers).sum(-1), item.classes) for item in labelled
    ]


def fresh(first: VectorInput | IndexInput | None = None) -> Recogniser:
    torch.manual_seed(5)
    return Recogniser(first or VectorInput(torch.cat([item.frames for item in items(4, 0)])), CLASSES)


def mean_error(recogniser: Recogniser, test: list[Labelled]) -> float:
    return sum(error_rate(recogniser, item) for item in test) / len(test)


def weights(recogniser: Recogniser) -> list[Tensor]:
    return list(recogniser.state_dict().values())


def test_vectors_that_can_be_told_apart_are() -> None:
    recogniser, test = fresh(), items(4, 2)
    assert mean_error(recogniser, test) > 0.5 * CHANCE
    learnt = learn(recogniser, items(16, 0), items(3, 1), Learning(epochs=8))
    assert mean_error(recogniser, test) < 0.1
    assert learnt.held_out_error < 0.1
    assert learnt.epochs <= 8
    assert learnt.seconds > 0


def test_indices_that_can_be_told_apart_are() -> None:
    recogniser, test = fresh(IndexInput(2, 16)), as_indices(items(4, 2, noise=0.2))
    train, held_out = as_indices(items(16, 0, noise=0.2)), as_indices(items(3, 1, noise=0.2))
    learn(recogniser, train, held_out, Learning(epochs=12))
    assert mean_error(recogniser, test) < 0.25 < CHANCE


def test_what_tells_nothing_stays_at_chance_and_ends_early() -> None:
    random = torch.Generator().manual_seed(3)
    train, held_out, test = (
        [Labelled(torch.randn(120, 8, generator=random), item.classes) for item in items(count, seed)]
        for count, seed in ((6, 0), (3, 1), (6, 2))
    )
    recogniser = fresh()
    learnt = learn(recogniser, train, held_out, Learning(epochs=60, patience=3))
    assert learnt.epochs < 60
    assert mean_error(recogniser, test) > 0.9 * CHANCE
    # The weights left are those of the best epoch, not of the last.
    wrong = sum(error_rate(recogniser, item) * int((item.classes > 0).sum()) for item in held_out)
    assert wrong / sum(int((item.classes > 0).sum()) for item in held_out) == pytest.approx(
        learnt.held_out_error
    )


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    runs = []
    for seed in (0, 0, 1):
        recogniser = fresh()
        torch.rand(seed + 7)  # What was drawn before must not matter.
        learn(recogniser, items(4, 0), items(2, 1), Learning(epochs=2, seed=seed))
        runs.append(weights(recogniser))
    assert all(torch.equal(one, other) for one, other in zip(runs[0], runs[1], strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(runs[0], runs[2], strict=True))


def test_silence_does_not_count() -> None:
    recogniser = fresh().eval()
    item = items(1, 0)[0]
    with torch.no_grad():
        found = recogniser(item.frames[None], torch.ones(1, 120, dtype=torch.bool))[0].argmax(-1)
    silent = torch.where(torch.arange(120) < 60, 0, found.clamp_min(1))
    spoken = found.clamp_min(1)[60:]
    expected = float((spoken != found[60:]).double().mean())
    assert error_rate(recogniser, Labelled(item.frames, silent)) == pytest.approx(expected)
