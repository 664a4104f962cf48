"""Padding of an item in a batch is the padding of the item alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from codec.layers.ragged import Padding, ends_of, inside, silence

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=5)


@given(
    lengths=LENGTHS,
    start=st.integers(0, 8),
    end=st.integers(0, 8),
    stride=st.integers(1, 5),
    reflect=st.booleans(),
    at_start=st.booleans(),
)
def test_every_item_is_padded_at_its_own_end(
    lengths: list[int], start: int, end: int, stride: int, reflect: bool, at_start: bool
) -> None:
    padding = Padding(start, end, stride, reflect, at_start)
    batch = torch.randn(len(lengths), 2, max(lengths) + 3, generator=torch.Generator().manual_seed(0))
    together = padding.apply(batch, torch.tensor(lengths))
    for item, length in enumerate(lengths):
        alone = padding.apply(batch[item : item + 1, :, :length], None)
        assert alone.shape[-1] == start + length + end + padding.lacking(length)
        assert torch.equal(together[item, :, : alone.shape[-1]], alone[0])
        assert not together[item, :, alone.shape[-1] :].any()


def test_reflection_is_that_of_torch_and_short_signals_get_zeros_first() -> None:
    long = torch.arange(1.0, 9.0).view(1, 1, -1)
    assert torch.equal(
        Padding(3, 2, reflect=True).apply(long, None), functional.pad(long, (3, 2), mode="reflect")
    )
    short = torch.tensor([[[1.0, 2.0]]])
    expected = torch.tensor([[[0.0, 0.0, 2.0, 1.0, 2.0, 0.0, 0.0]]])
    assert torch.equal(Padding(3, 2, reflect=True).apply(short, None), expected)


@pytest.mark.parametrize("at_start", [False, True])
def test_the_last_window_is_completed(at_start: bool) -> None:
    x = torch.ones(1, 1, 1, 7)
    padded = Padding(1, 0, stride=4, completes_at_start=at_start).apply(x, None)
    assert padded.flatten().tolist() == ([0, 0] + [1] * 7 if at_start else [0] + [1] * 7 + [0])


def test_silence_reaches_every_axis_and_ends_are_none_when_equal() -> None:
    ends = ends_of((2, 4), 4, torch.device("cpu"))
    assert ends is not None
    assert inside(ends, 4).tolist() == [[True, True, False, False], [True] * 4]
    kept = silence(torch.ones(2, 3, 2, 4), ends)
    assert kept.sum((1, 2, 3)).tolist() == [12, 24]
    assert ends_of((4, 4), 4, torch.device("cpu")) is None
    x = torch.ones(1, 2)
    assert silence(x, None) is x
