"""Packing of small integers without gaps.

The bits of all values form one string: value i takes the bits i*b .. i*b + b - 1, its own lowest bit first.
Bit k of that string is bit k % 8 of byte k // 8, where bit 0 is worth 1 (LSB first throughout). The last byte
is filled up with zero bits. With b = 4 the values 0xA, 0xB, 0xC give the bytes BA 0C.
"""

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 16


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` values of `bits` bits take."""
    return (count * bits + 7) // 8


def pack_bits(values: NDArray[np.uint16], bits: int) -> bytes:
    """Pack the lowest `bits` bits of the last axis of `values`; every row starts on a new byte.

    `[value]` gives `packed_bytes(value, bits)` bytes, `[row, value]` that many per row, rows joined. That
    the values need no more bits is for the caller to know. Raises `ValueError` for `bits` outside 1..16.
    """
    _check_bits(bits)
    octets = np.ascontiguousarray(values, "<u2").view(np.uint8)
    each = np.unpackbits(octets, bitorder="little").reshape(*values.shape, MAX_BITS)[..., :bits]
    # As one item each, the bits of a value move at once.
    joined = np.ascontiguousarray(each.view(f"V{bits}")).view(np.uint8)
    joined = joined.reshape(*values.shape[:-1], values.shape[-1] * bits)
    return np.packbits(joined, axis=-1, bitorder="little").tobytes()


def unpack_bits(packed: bytes | memoryview, count: int, bits: int, rows: int = 1) -> NDArray[np.uint16]:
    """The inverse of `pack_bits`: uint16 `[row, count]` from `rows` rows of `count` values.

    Fill bits are ignored. Raises `ValueError` for `bits` outside 1..16 or another number of bytes than the
    counts ask for.
    """
    _check_bits(bits)
    row_bytes = packed_bytes(count, bits)
    if len(packed) != rows * row_bytes:
        raise ValueError(f"{len(packed)} bytes given; {rows} rows of {count} values take {rows * row_bytes}")
    octets = np.frombuffer(packed, np.uint8).reshape(rows, row_bytes)
    joined = np.unpackbits(octets, axis=-1, count=count * bits, bitorder="little")
    each = np.zeros((rows, count, MAX_BITS), np.uint8)
    each[..., :bits] = joined.reshape(rows, count, bits)
    values = np.packbits(each.ravel(), bitorder="little").view("<u2").reshape(rows, count)
    return values.astype(np.uint16, copy=False)


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"{bits} bits per value; choose 1..{MAX_BITS}")
