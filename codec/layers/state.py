"""Stream state: frozen dataclasses (and tuples of them) whose tensors are all `[slot, ...]`.

State belongs to the caller, never to a layer, so one model serves any number of streams. The functions
here treat a state as a tree and act on its rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import TypeVar, cast

from torch import Tensor

State = TypeVar("State")


def map_state(state: State, change: Callable[[Tensor], Tensor]) -> State:
    """The same tree with `change` applied to every tensor. Raises `TypeError` for anything else in it."""
    return cast(State, _map(state, change))


def _map(node: object, change: Callable[[Tensor], Tensor]) -> object:
    if isinstance(node, Tensor):
        return change(node)
    if isinstance(node, tuple):
        return tuple(_map(child, change) for child in node)
    if is_dataclass(node) and not isinstance(node, type):
        return type(node)(**{f.name: _map(getattr(node, f.name), change) for f in fields(node)})
    raise TypeError(f"a stream state holds tensors, tuples and dataclasses, not {type(node).__name__}")


def tensors(state: object) -> Iterator[Tensor]:
    """Every tensor of the tree, in the order of its fields. Raises `TypeError` for anything else in it."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, tuple):
        for child in state:
            yield from tensors(child)
    elif is_dataclass(state) and not isinstance(state, type):
        for field in fields(state):
            yield from tensors(getattr(state, field.name))
    else:
        raise TypeError(f"a stream state holds tensors, tuples and dataclasses, not {type(state).__name__}")


def gather(state: State, slots: Tensor) -> State:
    """A copy of the rows `slots` (int64 `[batch]`)."""
    return map_state(state, lambda tensor: tensor.index_select(0, slots))


def scatter_(state: State, slots: Tensor, rows: State) -> None:
    """Write `rows` (a state of `len(slots)` rows) back in place.

    Raises `ValueError` if the two are states of different trees.
    """
    for tensor, row in zip(tensors(state), tensors(rows), strict=True):
        tensor.index_copy_(0, slots, row)


def reset_(state: object, slots: Tensor) -> None:
    """Make the rows `slots` fresh in place; a fresh state is all zeros in every layer."""
    for tensor in tensors(state):
        tensor.index_fill_(0, slots, 0)


def bytes_per_slot(state: object) -> int:
    """Memory that one stream's state takes."""
    return sum(tensor[0].numel() * tensor.element_size() for tensor in tensors(state))
