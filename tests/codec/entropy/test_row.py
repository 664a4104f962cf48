"""Single rows: exact, minimal, and nothing but what the encoder writes is accepted."""

from array import array
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.entropy.row import TOTAL, decode_row, encode_row
from codec.errors import ContainerError

SKEWED = [60000, 5000, 500, 30, 4, 1, 1]
EVEN = [TOTAL // 8] * 8
STEPS = [0] * 9


def starts_of(frequencies: Sequence[int]) -> Sequence[int]:
    return array("I", [0, *accumulate(frequencies)])


def encode(codes: Sequence[int], frequencies: Sequence[int]) -> bytes:
    starts = starts_of(frequencies)
    return encode_row([starts[code] for code in codes], [frequencies[code] for code in codes])


def decode(row: bytes, n_frames: int, frequencies: Sequence[int]) -> list[int]:
    return decode_row(row, {0: starts_of(frequencies)}, [0] * n_frames, STEPS)


def test_the_tables_are_whole() -> None:
    assert sum(SKEWED) == sum(EVEN) == TOTAL


@pytest.mark.parametrize("frequencies", [SKEWED, EVEN, [1, TOTAL - 1], [TOTAL - 1, 1]])
@pytest.mark.parametrize("n_frames", [0, 1, 2, 3, 10, 300, 5000])
def test_codes_come_back(frequencies: list[int], n_frames: int) -> None:
    codes = np.random.default_rng(n_frames).integers(0, len(frequencies), n_frames).tolist()
    assert decode(encode(codes, frequencies), n_frames, frequencies) == codes


@pytest.mark.parametrize("frequencies", [SKEWED, EVEN])
def test_the_bytes_are_the_information_and_one_more(frequencies: list[int]) -> None:
    shares = np.array(frequencies) / TOTAL
    codes = np.random.default_rng(1).choice(len(shares), 5000, p=shares)
    bits = -np.log2(shares[codes]).sum()
    assert bits / 8 - 1 <= len(encode(codes.tolist(), frequencies)) <= bits / 8 + 2


def test_rows_of_other_lengths_are_refused() -> None:
    codes = [code % 7 for code in range(100)]
    row = encode(codes, SKEWED)
    for wrong in (row[:-1], row[1:], row + b"\0", b"\1" + row, b""):
        with pytest.raises(ContainerError, match="does not end where its frames do"):
            decode(wrong, 100, SKEWED)
    with pytest.raises(ContainerError, match="does not end where its frames do"):
        decode(row, 99, SKEWED)
    with pytest.raises(ContainerError, match="starts with a zero byte"):
        decode(b"\0" + row, 100, SKEWED)


@given(row=st.binary(max_size=40), n_frames=st.integers(0, 40))
def test_what_is_accepted_is_what_the_encoder_writes(row: bytes, n_frames: int) -> None:
    try:
        codes = decode(row, n_frames, SKEWED)
    except ContainerError:
        return
    assert len(codes) == n_frames
    assert encode(codes, SKEWED) == row


@given(codes=st.lists(st.integers(0, len(SKEWED) - 1), max_size=60), bit=st.integers(0, 10_000))
def test_a_changed_bit_never_passes_as_the_same_codes(codes: list[int], bit: int) -> None:
    row = bytearray(encode(codes, SKEWED))
    row[bit // 8 % len(row)] ^= 1 << bit % 8
    try:
        changed = decode(bytes(row), len(codes), SKEWED)
    except ContainerError:
        return
    assert changed != codes
