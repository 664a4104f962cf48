"""What a known code says about the next one."""

import numpy as np

from codec.entropy.contexts import fit_context, joined
from tests.codec.entropy.samples import SIZE, dependent_codes

CODES = dependent_codes(2, 30_000).astype(np.int64)
AVERAGE = np.bincount(CODES[1], minlength=SIZE) / CODES.shape[1]


def test_one_cluster_says_nothing() -> None:
    context = fit_context(CODES[0], CODES[1], SIZE, 1, AVERAGE)
    assert context.count == 1
    np.testing.assert_array_equal(context.probabilities, AVERAGE[None])
    assert context.of_code.tolist() == [0] * SIZE


def test_a_cluster_for_each_code_says_what_follows_it() -> None:
    context = fit_context(CODES[0], CODES[1], SIZE, SIZE, AVERAGE)
    likeliest = context.probabilities.argmax(axis=1)[context.of_code]
    followed = (np.arange(SIZE) * 3 + 1) % SIZE
    assert (likeliest == followed).mean() >= 0.75
    np.testing.assert_allclose(context.probabilities.sum(axis=1), 1)


def test_many_clusters_start_from_what_coarse_ones_say() -> None:
    rng = np.random.default_rng(0)
    known = rng.integers(0, 200, 40_000)
    row = np.where(rng.random(40_000) < 0.9, known % SIZE, rng.integers(0, SIZE, 40_000))
    # Code 199 was seen twice only; what it says has to come from others like it.
    known[(known == 199) & (np.arange(40_000) > 400)] = 199 - SIZE
    context = fit_context(known, row, 200, 100, np.full(SIZE, 1 / SIZE))
    assert 17 <= context.count <= 100
    np.testing.assert_allclose(context.probabilities.sum(axis=1), 1)
    assert context.probabilities[context.of_code[183], 183 % SIZE] > 0.5


def test_two_contexts_say_more_than_one() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 4, (2, 20_000))
    row = np.where(rng.random(20_000) < 0.8, a * 4 + b, rng.integers(0, SIZE, 20_000))
    average = np.full(SIZE, 1 / SIZE)
    first, second = (fit_context(known, row, 4, 4, average) for known in (a, b))
    pairs = first.of_code[a] * second.count + second.of_code[b]
    both = joined(first, second, pairs, row, average)
    assert both.shape == (first.count * second.count, SIZE)
    np.testing.assert_allclose(both.sum(axis=1), 1)
    cost = -np.log2(both[pairs, row]).mean()
    assert cost < -np.log2(first.probabilities[first.of_code[a], row]).mean() - 0.5


def test_a_context_that_says_nothing_changes_nothing() -> None:
    first = fit_context(CODES[0], CODES[1], SIZE, 8, AVERAGE)
    silent = fit_context(CODES[0], CODES[1], SIZE, 1, AVERAGE)
    row, pairs = CODES[1], first.of_code[CODES[0]]
    assert joined(silent, first, pairs, row, AVERAGE) is first.probabilities
    assert joined(first, silent, pairs, row, AVERAGE) is first.probabilities
