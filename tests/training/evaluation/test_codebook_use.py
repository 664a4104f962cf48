"""Use of codebooks."""

import numpy as np
import pytest

from training.evaluation.codebook_use import codebook_use


def test_entropy_and_entries_are_those_of_all_recordings_together() -> None:
    first = np.array([[0, 1, 2, 3], [5, 5, 5, 5]], np.uint16)
    second = np.array([[0, 1, 2, 3], [5, 5, 5, 6]], np.uint16)
    even, skewed = codebook_use([first, second], 8)
    assert (even.codebook, even.codebook_size, even.n_frames, even.entries_used) == (0, 8, 8, 4)
    assert even.entropy_bits == pytest.approx(2)
    assert even.perplexity == pytest.approx(4)
    assert skewed.entries_used == 2
    assert skewed.entropy_bits == pytest.approx(-(7 / 8 * np.log2(7 / 8) + 1 / 8 * np.log2(1 / 8)))


def test_a_codebook_with_one_entry_in_use_carries_nothing() -> None:
    (use,) = codebook_use([np.zeros((1, 10), np.uint16)], 1024)
    assert (use.entropy_bits, use.perplexity) == (0, 1)
