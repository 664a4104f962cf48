import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bits import pack_bits, packed_bytes, unpack_bits


def pack_slowly(values: list[int], bits: int) -> bytes:
    """The definition, word for word: one long integer, lowest bits first."""
    whole = sum(value << (index * bits) for index, value in enumerate(values))
    return whole.to_bytes(packed_bytes(len(values), bits), "little")


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[list[int]], int]:
    bits = draw(st.integers(1, 16))
    width = draw(st.integers(0, 40))
    row = st.lists(st.integers(0, 2**bits - 1), min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=4)), bits


def test_the_documented_example() -> None:
    assert pack_bits(np.array([0xA, 0xB, 0xC], np.uint16), 4) == bytes([0xBA, 0x0C])


@given(rows())
def test_packing_follows_the_definition_row_by_row(case: tuple[list[list[int]], int]) -> None:
    values, bits = case
    packed = pack_bits(np.array(values, np.uint16).reshape(len(values), -1), bits)
    assert packed == b"".join(pack_slowly(row, bits) for row in values)


@given(rows())
def test_unpacking_is_the_inverse(case: tuple[list[list[int]], int]) -> None:
    values, bits = case
    array = np.array(values, np.uint16).reshape(len(values), -1)
    back = unpack_bits(pack_bits(array, bits), array.shape[1], bits, rows=len(values))
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, array)


def test_fill_bits_are_written_as_zero_and_ignored() -> None:
    packed = pack_bits(np.array([1, 1, 1], np.uint16), 2)
    assert packed == bytes([0b00010101])
    np.testing.assert_array_equal(unpack_bits(bytes([0b11010101]), 3, 2), [[1, 1, 1]])


def test_only_the_lowest_bits_are_packed() -> None:
    assert pack_bits(np.array([0x13, 0xFF5], np.uint16), 4) == bytes([0x53])


@pytest.mark.parametrize("bits", [0, 17, -1])
def test_widths_outside_1_to_16_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=r"1\.\.16"):
        pack_bits(np.zeros(1, np.uint16), bits)
    with pytest.raises(ValueError, match=r"1\.\.16"):
        unpack_bits(b"\0", 1, bits)


@pytest.mark.parametrize("size", [0, 4, 6])
def test_another_number_of_bytes_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="take 5"):
        unpack_bits(bytes(size), 4, 10)
