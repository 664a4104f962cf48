"""Whatever bytes come: intact data or `ContainerError`, in bounded time and memory."""

import tracemalloc

import numpy as np
import pytest

from codec.container import CdcReader, describe, read_cdc
from codec.errors import ContainerError
from codec.tokens import Codes, Tokens
from tests.codec.container.samples import make_file, random_codes

CODES = random_codes(4, 40)
FILE = make_file(CODES, 10, n_samples=12_000)


def try_strict(data: bytes) -> Tokens | None:
    try:
        return read_cdc(data)
    except ContainerError:
        return None


def try_tolerant(data: bytes) -> list[tuple[int, Codes]] | None:
    try:
        return [(block.first_frame, block.codes) for block in CdcReader(data, tolerant=True)]
    except ContainerError:
        return None


def check(data: bytes) -> None:
    """Read mutated `FILE` in every way; whatever comes out must be what was put in."""
    tokens = try_strict(data)
    if tokens is not None:
        np.testing.assert_array_equal(tokens.codes, CODES)
        assert tokens.n_samples == 12_000
    for first_frame, codes in try_tolerant(data) or []:
        np.testing.assert_array_equal(codes, CODES[:, first_frame : first_frame + codes.shape[1]])


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(0, len(changed) + 1))
        kind = rng.integers(0, 5)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1 and place < len(changed):
            changed[place] = int(rng.integers(0, 256))
        elif kind == 2:
            del changed[place : place + int(rng.integers(1, 60))]
        elif kind == 3:
            changed[place:place] = rng.bytes(int(rng.integers(1, 60)))
        else:
            source = int(rng.integers(0, len(changed) + 1))
            changed[place:place] = changed[source : source + int(rng.integers(1, 120))]
    return bytes(changed)


def run_fuzz(count: int, seed: int) -> int:
    """Check `count` mutated files; returns the most memory in bytes that was held at once."""
    rng = np.random.default_rng(seed)
    tracemalloc.start()
    try:
        for _ in range(count):
            check(mutate(FILE, rng))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_every_flipped_byte_is_noticed() -> None:
    for place in range(len(FILE)):
        for flip in (0x01, 0x80, 0xFF):
            data = FILE[:place] + bytes([FILE[place] ^ flip]) + FILE[place + 1 :]
            assert try_strict(data) is None
            check(data)


def test_every_truncation_is_noticed() -> None:
    for size in range(len(FILE)):
        assert try_strict(FILE[:size]) is None
        check(FILE[:size])


def test_random_bytes_are_no_file() -> None:
    rng = np.random.default_rng(1)
    for size in range(0, 2000, 7):
        assert try_strict(rng.bytes(size)) is None
        assert try_tolerant(rng.bytes(size)) is None


def test_random_bytes_after_a_sound_header_give_no_codes() -> None:
    rng = np.random.default_rng(2)
    start = FILE[: FILE.index(b"\xcdB")]
    for size in range(0, 5000, 37):
        data = start + rng.bytes(size).replace(b"\0", b"\xcdB").replace(b"\1", b"\xcdI")
        assert try_strict(data) is None
        assert try_tolerant(data) == []
        assert not describe(data)["damage"]["intact"]


def test_two_thousand_mutated_files() -> None:
    assert run_fuzz(2000, seed=3) < 2**20


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_mutated_files() -> None:
    assert run_fuzz(100_000, seed=4) < 2**20
