"""Moments between the layers of a long step, at which something more urgent may be done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CALLBACK: ContextVar[Callable[[], None] | None] = ContextVar("callback", default=None)


@contextmanager
def pausing(callback: Callable[[], None] | None) -> Iterator[None]:
    """Within it, steps of this thread call `callback` between their layers; None: they run through.

    What the callback itself steps runs through. It may step any rows of state but those of the step that it
    interrupts.
    """
    token = _CALLBACK.set(callback)
    try:
        yield
    finally:
        _CALLBACK.reset(token)


def pause() -> None:
    """Called by the layers: here a step may be interrupted."""
    callback = _CALLBACK.get()
    if callback is not None:
        with pausing(None):
            callback()
