"""How codebooks learn: the k-means start, running means, and dead entries that really come back to life."""

import pytest
import torch
from torch import Tensor

from codec.config import QuantizerConfig
from codec.quantizer import ABSENT, Quantized, ResidualQuantizer
from training.codebooks import CodebookLearner
from training.recipe import CodebookConfig

SIZE, DIMENSION = 8, 3
DECAY = 0.9


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(each: int = 50) -> Tensor:
    """The 8 corners of a cube of side 10, with a little noise around each, shuffled."""
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 10.0])] * 3)
    points = corners.repeat(each, 1) + 0.1 * torch.randn(8 * each, 3, generator=generator())
    return points[torch.randperm(len(points), generator=generator(1))]


def make(codebooks: int = 1, revival_share: float = 0.03) -> CodebookLearner:
    config = QuantizerConfig(codebooks=codebooks, codebook_size=SIZE, dimension=DIMENSION)
    plan = CodebookConfig(decay=DECAY, revival_share=revival_share, kmeans_iterations=10)
    return CodebookLearner(ResidualQuantizer(config), plan)


def one_stage(vectors: Tensor, codes: Tensor) -> Quantized:
    """What the quantizer would report of `vectors` `[row, dimension]`."""
    rows = vectors.unsqueeze(0)
    return Quantized(rows, codes.view(1, 1, -1), rows.unsqueeze(0), torch.zeros(()))


def quantize(learner: CodebookLearner, vectors: Tensor) -> Quantized:
    n_q = torch.tensor([learner.quantizer.config.codebooks])
    quantized = learner.quantizer(vectors.unsqueeze(0), n_q)
    assert isinstance(quantized, Quantized)
    return quantized


def evenly_used(learner: CodebookLearner, count: float) -> None:
    """Entries at 0, 1, 2 ... on every axis, each used `count` times a step lately."""
    entries = torch.arange(SIZE, dtype=torch.float32).view(-1, 1).expand(-1, DIMENSION)
    learner.quantizer.codebooks[0] = entries
    learner.counts[0] = count
    learner.sums[0] = entries * count


def test_the_start_leaves_little_for_later_stages() -> None:
    learner = make(codebooks=2)
    before = learner.started
    learner.start(clusters(), 40, generator())
    assert (before, learner.started) == (False, True)
    quantized = quantize(learner, clusters())
    errors = [float(r.square().mean()) for r in quantized.residuals]
    assert errors[1] < 0.2 * errors[0]
    torch.testing.assert_close(learner.sums / learner.counts.unsqueeze(-1), learner.quantizer.codebooks)
    # Counts are per step: 400 vectors were seen, a step has 40.
    assert float(learner.counts[0].sum()) == pytest.approx(40, rel=0.01)


def test_an_entry_moves_to_the_mean_of_its_vectors() -> None:
    learner = make()
    evenly_used(learner, 10)
    vectors = 3 + torch.randn(10, DIMENSION, generator=generator()) * 0.1
    codes = torch.full((10,), 3)
    once = (DECAY * 10 * 3 + (1 - DECAY) * vectors.sum(0)) / (DECAY * 10 + (1 - DECAY) * 10)
    learner.update(one_stage(vectors + 0, codes), generator())
    torch.testing.assert_close(learner.quantizer.codebooks[0, 3], once)
    for _ in range(200):
        learner.counts[0, [0, 1, 2, 4, 5, 6, 7]] = 10
        learner.update(one_stage(vectors, codes), generator())
    torch.testing.assert_close(learner.quantizer.codebooks[0, 3], vectors.mean(0), rtol=1e-4, atol=1e-4)


def test_other_entries_stay_where_they_are() -> None:
    learner = make()
    evenly_used(learner, 10)
    before = learner.quantizer.codebooks.clone()
    assert learner.update(one_stage(torch.full((4, DIMENSION), 9.0), torch.full((4,), 7)), generator()) == 0
    after = learner.quantizer.codebooks
    torch.testing.assert_close(after[0, :7], before[0, :7])
    assert float(after[0, 7, 0]) > float(before[0, 7, 0])


def test_a_dead_entry_moves_to_a_vector_of_the_batch_and_stays_there() -> None:
    """The reference resets neither count nor sum, so its next update puts the entry back where it was."""
    learner = make()
    evenly_used(learner, 10)
    dead = torch.tensor([100.0, 100, 100])
    learner.quantizer.codebooks[0, 5] = dead
    learner.counts[0, 5] = 0.01
    learner.sums[0, 5] = dead * 0.01
    vectors = torch.tensor([[2.4, 2.4, 2.4], [2.5, 2.5, 2.5], [2.6, 2.6, 2.6]])
    assert learner.update(quantize(learner, vectors), generator()) == 1
    revived = learner.quantizer.codebooks[0, 5].clone()
    assert any(torch.equal(revived, vector) for vector in vectors)
    for _ in range(3):
        # Nothing chooses it now, and it still stays.
        away = one_stage(torch.zeros(3, DIMENSION), torch.zeros(3, dtype=torch.int64))
        assert learner.update(away, generator()) == 0
        torch.testing.assert_close(learner.quantizer.codebooks[0, 5], revived)
    assert int(quantize(learner, vectors).codes[0, 0, 1]) == 5


def test_a_revived_entry_restarts_with_half_the_mean_use() -> None:
    learner = make()
    evenly_used(learner, 10)
    learner.counts[0, 5] = 0
    learner.sums[0, 5] = 0
    vectors = torch.zeros(4, DIMENSION)
    learner.update(one_stage(vectors, torch.zeros(4, dtype=torch.int64)), generator())
    after_decay = (7 * 10 * DECAY + 4 * (1 - DECAY)) / SIZE
    assert float(learner.counts[0, 5]) == pytest.approx(0.5 * after_decay)
    assert not learner.sums[0, 5].any()
    assert not learner.quantizer.codebooks[0, 5].any()


@pytest.mark.parametrize("scale", [1, 10, 100])
def test_the_threshold_scales_with_the_batch(scale: int) -> None:
    """Dead is relative to the mean use, so the same picture in a larger batch has the same dead."""
    learner = make(revival_share=0.1)
    evenly_used(learner, 10 * scale)
    entries = learner.quantizer.codebooks[0].clone()
    for entry, use in ((1, 0.5 * scale), (2, 1.5 * scale)):
        learner.counts[0, entry] = use
        learner.sums[0, entry] = entries[entry] * use
    codes = torch.tensor([0, 3, 4, 5, 6, 7]).repeat(10 * scale)
    assert learner.update(one_stage(entries[codes], codes), generator()) == 1
    moved = (learner.quantizer.codebooks[0] - entries).abs().amax(1) > 0.5
    assert moved.nonzero().flatten().tolist() == [1]


def test_no_more_are_revived_than_there_are_vectors() -> None:
    learner = make()
    evenly_used(learner, 10)
    learner.counts[0, :6] = 0
    learner.sums[0, :6] = 0
    learner.counts[0, 6] = 100
    learner.sums[0, 6] = 600
    vectors = torch.tensor([[7.0, 7, 7], [7.5, 7, 7]])
    assert learner.update(one_stage(vectors, torch.tensor([7, 7])), generator()) == 2


def test_absent_codes_teach_nothing() -> None:
    learner = make()
    evenly_used(learner, 10)
    counts = learner.counts.clone()
    vectors = torch.full((5, DIMENSION), 50.0)
    assert learner.update(one_stage(vectors, torch.full((5,), ABSENT)), generator()) == 0
    torch.testing.assert_close(learner.counts, counts * DECAY)
    assert float(learner.quantizer.codebooks.max()) == pytest.approx(7)


def test_the_state_is_complete() -> None:
    learner, copy = make(codebooks=2), make(codebooks=2)
    learner.start(clusters(), 40, generator())
    copy.load_state_dict({name: tensor.clone() for name, tensor in learner.state_dict().items()})
    copy.quantizer.load_state_dict(learner.quantizer.state_dict())
    for learn in (learner, copy):
        learn.update(quantize(learn, clusters()[:40]), generator(7))
    assert torch.equal(copy.quantizer.codebooks, learner.quantizer.codebooks)
    assert torch.equal(copy.counts, learner.counts)
