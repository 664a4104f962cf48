"""One thread for each of several processes, so that together they do not want more cores than there are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let processes that start meanwhile use one thread each; those of this process stay as they are."""
    before = {name: os.environ.get(name) for name in _THREADS}
    # Libraries read these when they start.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
