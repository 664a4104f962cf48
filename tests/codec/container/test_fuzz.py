"""Whatever bytes come: intact data or `ContainerError`, in bounded time and memory."""

import binascii
import struct
import time
import tracemalloc
import zlib
from dataclasses import dataclass

import numpy as np
import pytest

from codec.container import CdcReader, CodeBlock, RowCoder, describe, read_cdc, write_cdc
from codec.errors import ContainerError
from codec.tokens import Tokens
from tests.codec.container.samples import (
    IDENTITY,
    make_file,
    make_segmented,
    make_segmented_file,
    random_codes,
    small_coder,
)


@dataclass(frozen=True, eq=False)
class Sample:
    """A file, what is in it, and the coder that it needs."""

    tokens: Tokens
    data: bytes
    coder: RowCoder | None = None


PLAIN_TOKENS = Tokens(random_codes(4, 40), IDENTITY, 16_000, 320, 12_000, 1024)
SEGMENTED_TOKENS = make_segmented()
PLAIN = Sample(PLAIN_TOKENS, make_file(PLAIN_TOKENS.codes, 10, n_samples=12_000))
SEGMENTED = Sample(SEGMENTED_TOKENS, make_segmented_file(SEGMENTED_TOKENS, 6))
CODED = Sample(SEGMENTED_TOKENS, write_cdc(SEGMENTED_TOKENS, small_coder()), small_coder())
SAMPLES = (PLAIN, SEGMENTED, CODED)


def try_strict(data: bytes, coder: RowCoder | None = None) -> Tokens | None:
    try:
        return read_cdc(data, coder=coder)
    except ContainerError:
        return None


def try_tolerant(data: bytes, coder: RowCoder | None = None) -> list[CodeBlock] | None:
    try:
        return list(CdcReader(data, tolerant=True, coder=coder))
    except ContainerError:
        return None


def check(data: bytes, sample: Sample) -> None:
    """Read a mutated sample in every way; whatever comes out must be what was put in."""
    wanted = sample.tokens
    tokens = try_strict(data, sample.coder)
    if tokens is not None:
        np.testing.assert_array_equal(tokens.codes, wanted.codes)
        np.testing.assert_array_equal(tokens.side.labels, wanted.side.labels)
        assert (tokens.n_samples, tokens.side.scale) == (wanted.n_samples, wanted.side.scale)
    for block in try_tolerant(data, sample.coder) or []:
        stop = block.first_frame + block.codes.shape[1]
        np.testing.assert_array_equal(block.codes, wanted.codes[:, block.first_frame : stop])
        check_segment(block, wanted)


def check_segment(block: CodeBlock, wanted: Tokens) -> None:
    cut, segment = wanted.side.segmentation, block.segment
    assert (cut is None) == (segment is None)
    if cut is None or segment is None or wanted.n_samples is None:
        return
    frames = cut.frames(wanted.n_samples, wanted.n_frames, wanted.hop_samples)
    starts = np.cumsum((0, *frames))
    assert starts[segment.number] <= block.first_frame < starts[segment.number + 1]
    if not segment.lost:
        assert segment.scale == wanted.side.scale[segment.number]
        assert wanted.side.labels is not None
        there = wanted.side.format.labels_in(segment.number, wanted.n_samples)
        np.testing.assert_array_equal(segment.labels, wanted.side.labels[there])


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


def seal(data: bytes) -> bytes:
    """The file with the checksums of its header and of every block that can be found made right."""
    sealed = bytearray(data)
    start = data.find(b"\xcdB")
    if start >= 26:
        sealed[start - 4 : start] = struct.pack("<I", zlib.crc32(sealed[: start - 4]))
    while 0 <= start <= len(sealed) - 18:
        end = start + 18 + int.from_bytes(sealed[start + 10 : start + 12], "little")
        crc = zlib.crc32(sealed[start + 18 : end], zlib.crc32(sealed[start : start + 12]))
        sealed[start + 12 : start + 16] = struct.pack("<I", crc)
        sealed[start + 16 : start + 18] = struct.pack(
            "<H", binascii.crc_hqx(sealed[start : start + 16], 0xFFFF)
        )
        start = sealed.find(b"\xcdB", start + 18)
    return bytes(sealed)


def run_fuzz(count: int, seed: int) -> int:
    """Check `count` mutated files; returns the most memory in bytes that was held at once.

    Every other file gets right checksums again: that may be any file, but none may do more than fail.
    """
    rng = np.random.default_rng(seed)
    tracemalloc.start()
    try:
        for turn in range(count):
            sample = SAMPLES[turn % len(SAMPLES)]
            data = mutate(sample.data, rng)
            started = time.process_time()
            if turn % 2:
                sealed = seal(data)
                try_strict(sealed, sample.coder)
                try_tolerant(sealed, sample.coder)
            else:
                check(data, sample)
            assert time.process_time() - started < 5
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_flipped_byte_is_noticed(sample: Sample) -> None:
    data = sample.data
    for place in range(len(data)):
        flip = (0x01, 0x80, 0xFF)[place % 3]
        damaged = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
        assert try_strict(damaged, sample.coder) is None
        check(damaged, sample)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_truncation_is_noticed(sample: Sample) -> None:
    for size in range(len(sample.data)):
        assert try_strict(sample.data[:size], sample.coder) is None
        check(sample.data[:size], sample)


def test_random_bytes_are_no_file() -> None:
    rng = np.random.default_rng(1)
    for size in range(0, 2000, 7):
        assert try_strict(rng.bytes(size)) is None
        assert try_tolerant(rng.bytes(size)) is None


@pytest.mark.parametrize("sample", SAMPLES)
def test_random_bytes_after_a_sound_header_give_no_codes(sample: Sample) -> None:
    rng = np.random.default_rng(2)
    start = sample.data[: sample.data.index(b"\xcdB")]
    for size in range(0, 5000, 37):
        data = start + rng.bytes(size).replace(b"\0", b"\xcdB").replace(b"\1", b"\xcdI")
        assert try_strict(data) is None
        assert try_tolerant(data) == []
        assert not describe(data)["damage"]["intact"]


def test_checksums_made_right_are_right() -> None:
    for sample in SAMPLES:
        assert seal(sample.data) == sample.data


def test_five_hundred_mutated_files() -> None:
    assert run_fuzz(500, seed=3) < 2**21


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_mutated_files() -> None:
    assert run_fuzz(100_000, seed=4) < 2**21
