"""Stream state is a tree: its rows are slots, and whatever it cannot hold is refused."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from codec.layers.state import bytes_per_slot, gather, map_state, reset_, scatter_, tensors


@dataclass(frozen=True, slots=True)
class Leaf:
    past: Tensor


@dataclass(frozen=True, slots=True)
class Tree:
    first: Leaf
    rest: tuple[Leaf, ...]


SLOTS = 5


def tree(slots: int = SLOTS, offset: float = 0) -> Tree:
    """Every number of slot s is s + offset."""
    rows = torch.arange(slots, dtype=torch.float32) + offset
    return Tree(
        Leaf(rows.view(-1, 1).expand(-1, 3).clone()),
        (Leaf(rows.view(-1, 1, 1).expand(-1, 2, 4).clone()), Leaf(rows.view(-1, 1).double().clone())),
    )


def test_tensors_come_in_the_order_of_fields() -> None:
    assert [tuple(t.shape) for t in tensors(tree())] == [(5, 3), (5, 2, 4), (5, 1)]


def test_a_mapped_state_is_the_same_tree_and_leaves_the_old_one_alone() -> None:
    state = tree()
    doubled = map_state(state, lambda t: t * 2)
    assert isinstance(doubled, Tree)
    assert isinstance(doubled.rest, tuple)
    for old, new, fresh in zip(tensors(state), tensors(doubled), tensors(tree()), strict=True):
        assert torch.equal(new, old * 2)
        assert torch.equal(old, fresh)


def test_gather_copies_rows() -> None:
    state = tree()
    rows = gather(state, torch.tensor([3, 0, 3]))
    for tensor in tensors(rows):
        assert [float(row.flatten()[0]) for row in tensor] == [3, 0, 3]
        tensor.fill_(-1)
    assert all(float(t.min()) >= 0 for t in tensors(state))


def test_scatter_writes_the_named_rows_only() -> None:
    state = tree()
    scatter_(state, torch.tensor([4, 1]), tree(2, offset=10))
    for tensor in tensors(state):
        assert [float(row.flatten()[0]) for row in tensor] == [0, 11, 2, 3, 10]


def test_reset_makes_the_named_rows_zero() -> None:
    state = tree(offset=1)
    reset_(state, torch.tensor([0, 2]))
    for tensor in tensors(state):
        assert [float(row.abs().sum()) > 0 for row in tensor] == [False, True, False, True, True]


def test_bytes_per_slot_counts_every_tensor_once() -> None:
    assert bytes_per_slot(tree(1)) == bytes_per_slot(tree(64)) == (3 + 8) * 4 + 8


def test_rows_of_another_tree_are_refused() -> None:
    other = Tree(Leaf(torch.zeros(1, 3)), (Leaf(torch.zeros(1, 2, 4)),))
    with pytest.raises(ValueError, match="shorter"):
        scatter_(tree(), torch.tensor([0]), other)


@pytest.mark.parametrize("foreign", [[torch.zeros(2)], {"past": torch.zeros(2)}, 3.0, None, Leaf])
@pytest.mark.parametrize("use", [bytes_per_slot, lambda state: map_state(state, torch.clone)])
def test_what_is_no_state_is_refused(foreign: object, use: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="a stream state holds tensors, tuples and dataclasses, not"):
        use((torch.zeros(2), foreign))
