"""Codes with the statistics that entropy coding lives on, and tables made of integers alone."""

import numpy as np

from codec.entropy import EntropyTables
from codec.tokens import Codes

SIZE = 16


def dependent_codes(n_q: int, n_frames: int, seed: int = 0, size: int = SIZE) -> Codes:
    """Codes that stay for a while in the first row; the other rows follow the first one, with exceptions."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, size, (n_q, n_frames))
    for frame in range(1, n_frames):
        if rng.random() < 0.8:
            codes[0, frame] = codes[0, frame - 1]
    for q in range(1, n_q):
        follows = rng.random(n_frames) < 0.7
        codes[q, follows] = (codes[0, follows] * (q + 2) + q) % size
    return codes.astype(np.uint16)


def fixed_tables(codebooks: int = 3, size: int = 8) -> EntropyTables:
    """Tables by integer arithmetic, the same on every machine: 3 clusters of the code before for the first
    codebook, 2 x 3 clusters for the others."""
    shape = np.array([(3, 1)] + [(2, 3)] * (codebooks - 1), np.uint16)
    n_tables = int(shape.prod(axis=1).sum())
    seeds = np.arange(n_tables * size).reshape(n_tables, size)
    frequencies = seeds * 7919 % 101 * 37 + 1
    frequencies[:, 0] += 65536 - frequencies.sum(axis=1)
    code = np.arange(size + 1)
    previous = np.stack([(code * (q + 1) + q) % shape[q, 0] for q in range(codebooks)])
    first = np.stack([(code[:size] * 5 + q) % shape[q, 1] for q in range(codebooks)])
    return EntropyTables(
        frequencies.astype(np.uint16), previous.astype(np.uint16), first.astype(np.uint16), shape
    )
