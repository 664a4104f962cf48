"""Tables from codes: what they learn, what they never forget."""

import numpy as np
import pytest

from codec.entropy import fit_tables, measure_savings
from codec.errors import InvalidRequestError
from codec.tokens import Codes
from tests.codec.entropy.samples import SIZE, dependent_codes


def blocks_of(codes: Codes, n_frames: int = 300) -> list[Codes]:
    return [codes[:, start : start + n_frames] for start in range(0, codes.shape[1], n_frames)]


def test_both_contexts_are_learnt_and_save_bits_on_other_codes() -> None:
    tables = fit_tables(blocks_of(dependent_codes(3, 20_000)), SIZE)
    savings = measure_savings(tables.coder(), blocks_of(dependent_codes(3, 6000, seed=1)), 4)
    # What is to be had: the code stays 0.8 of the time, or follows the first row 0.7 of the time.
    for q, share in ((0, 0.8), (1, 0.7), (2, 0.7)):
        repeated = share + (1 - share) / SIZE
        rest = (1 - repeated) / (SIZE - 1)
        information = -repeated * np.log2(repeated) - (1 - repeated) * np.log2(rest)
        # 24 bits for the length and the end of each row; the rest is what the clusters do not tell.
        coded = (savings.coded_bits[q] - 20 * 24) / 6000
        assert information < coded < information + (0.1 if q == 0 else 1.0)
        assert savings.coded_bits[q] < 0.85 * savings.packed_bits[q]


def test_every_code_can_be_coded_even_if_it_was_never_seen() -> None:
    tables = fit_tables([np.zeros((2, 5000), np.uint16)], 1024)
    rare = np.random.default_rng(0).integers(0, 1024, (2, 500)).astype(np.uint16)
    coder = tables.coder()
    rows = coder.encode(rare)
    np.testing.assert_array_equal(coder.decode([memoryview(row) for row in rows], 500), rare)
    # The cost of a surprise is bounded, and what was expected is nearly free.
    assert max(map(len, rows)) <= 2 * 500 + 3
    assert max(map(len, coder.encode(np.zeros((2, 500), np.uint16)))) < 25


@pytest.mark.parametrize("size", [2, 3, 1000, 65_536])
def test_any_codebook_size_has_whole_tables(size: int) -> None:
    codes = np.random.default_rng(0).integers(0, size, (2, 700)).astype(np.uint16)
    tables = fit_tables([codes], size)
    assert tables.codebook_size == size
    coder = tables.coder()
    rows = [memoryview(row) for row in coder.encode(codes)]
    np.testing.assert_array_equal(coder.decode(rows, 700), codes)


def test_few_frames_give_few_tables_and_many_a_bounded_number() -> None:
    assert len(fit_tables([dependent_codes(3, 500)], SIZE).frequencies) == 3
    many = fit_tables([dependent_codes(3, 70_000)], SIZE)
    # 16 codes and the start of a block, which says little, have to share these.
    assert many.shape[0].tolist() in ([16, 1], [17, 1])
    assert (many.shape[1:] <= [(16, 8), (1, 8)]).all()
    assert (many.shape[1:] >= [(8, 4), (1, 4)]).all()


def test_no_codes_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="give recordings that are not empty"):
        fit_tables([np.zeros((2, 0), np.uint16)], 8)
