"""Counts, entropy and use of codebooks, against values found by hand."""

import math

import torch

from codec.quantizer import ABSENT
from codec.quantizer_statistics import usage_of

CODES = torch.tensor(
    [[[0, 1, 2, 3], [5, 5, 5, 5], [0, 0, 1, 1], [ABSENT, ABSENT, 3, 4], [ABSENT, ABSENT, ABSENT, ABSENT]]]
)


def test_every_entry_is_counted_in_its_own_codebook() -> None:
    counts = usage_of(CODES, 8).counts
    assert counts.shape == (5, 8)
    assert counts.sum(-1).tolist() == [4, 4, 4, 2, 0]
    assert counts[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert counts[1, 5] == 4
    assert counts[3].nonzero().flatten().tolist() == [3, 4]


def test_items_of_a_batch_are_counted_together() -> None:
    both = torch.cat((CODES, CODES.roll(1, dims=-1)))
    assert torch.equal(usage_of(both, 8).counts, 2 * usage_of(CODES, 8).counts)


def test_entropy_perplexity_and_share_in_use() -> None:
    usage = usage_of(CODES, 8)
    wanted = torch.tensor([2, 0, 1, 1, 0], dtype=torch.float64)
    torch.testing.assert_close(usage.entropy_bits, wanted)
    torch.testing.assert_close(usage.perplexity, torch.exp2(wanted))
    torch.testing.assert_close(usage.used_share, torch.tensor([4, 1, 2, 2, 0]).double() / 8)


def test_entropy_weighs_the_entries_by_their_frequency() -> None:
    codes = torch.tensor([[[7, 7, 7, 0]]])
    entropy = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    torch.testing.assert_close(
        usage_of(codes, 1024).entropy_bits, torch.tensor([entropy], dtype=torch.float64)
    )
