"""Odd values in the place of sound ones, and a bound on memory."""

import random
from copy import deepcopy
from pathlib import Path
from typing import Any

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 7, 64, 1000, 65536, 65537, 10**9, 2**31, 2**63, 10**30, 10**400,
    0.0, -0.5, 0.5, 1e-300, 1e300, float("inf"), float("nan"),
    "", "8", "seanet", "spectral", "waveform", "mag_phase", "factorised", "rms", "x" * 5000, "\u0000",
    [], {}, [0], [1] * 9, [1] * 8, [10**9] * 8, [2, 2.5], ["8"], [[8]], [None],
    {"kind": "waveform"}, {"kind": "mag_angle", "n_fft": 10**9}, {"kind": "factorised"}, {"a": {"b": []}},
]  # fmt: skip


class Growth:
    """Fails if the process grows by more MB than it may; the kernel's high-water mark tells."""

    def __init__(self, limit_mb: int) -> None:
        self._limit_mb = limit_mb

    def __enter__(self) -> None:
        # From here on the mark counts anew.
        Path("/proc/self/clear_refs").write_text("5")
        self._before = _status("VmRSS")

    def __exit__(self, *_: object) -> None:
        grown = _status("VmHWM") - self._before
        assert grown < self._limit_mb * 1024, f"{grown} kB"


def _status(field: str) -> int:
    """A size of this process in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values under a tree."""
    found = [path] if path else []
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in children:
        found += places(value, (*path, key))
    return found


def change(tree: Any, rng: random.Random) -> None:
    """Replace, remove or add some values of a tree, in place."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        paths = places(tree)
        if not paths:
            return
        *above, last = rng.choice(paths)
        parent: Any = tree
        for key in above:
            parent = parent[key]
        kind, value = rng.randrange(6), parent[last]
        if kind == 0:
            del parent[last]
        elif kind == 1 and isinstance(parent, dict):
            parent[rng.choice(("x", "kind", "causal", "padding", "norm", "segments"))] = rng.choice(ODD)
        elif kind == 2 and isinstance(value, int) and not isinstance(value, bool):
            parent[last] = value * rng.choice((-1, 2, 3, 1000, 10**9))
        else:
            parent[last] = deepcopy(rng.choice(ODD))
