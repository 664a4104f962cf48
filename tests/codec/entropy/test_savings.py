"""Sizes with and without entropy coding."""

import numpy as np
import pytest

from codec.entropy import Savings, measure_savings
from codec.errors import InvalidRequestError
from tests.codec.entropy.samples import dependent_codes, fixed_tables


def test_sizes_are_those_of_the_rows_with_their_lengths() -> None:
    coder = fixed_tables().coder()
    blocks = [dependent_codes(3, 300, seed=seed, size=8) for seed in range(2)]
    savings = measure_savings(coder, iter(blocks), 3)
    assert savings.packed_bits == (2 * 8 * 113,) * 3
    rows = [coder.encode(block) for block in blocks]
    assert savings.coded_bits == tuple(8 * sum(len(row[q]) + 2 for row in rows) for q in range(3))


def test_the_share_is_of_the_first_codebooks() -> None:
    savings = Savings((100, 100, 100), (50, 80, 110))
    assert [savings.share(n_q) for n_q in (1, 2, 3)] == pytest.approx([0.5, 0.35, 0.2])


def test_nothing_saves_nothing() -> None:
    for blocks in ([], [np.zeros((3, 0), np.uint16)]):
        with pytest.raises(InvalidRequestError, match="no codes"):
            measure_savings(fixed_tables().coder(), blocks, 3)
