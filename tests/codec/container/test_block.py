import binascii
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.container import CdcHeader, UnknownFormatError
from codec.container.block import PackedBlock, parse_block, parse_block_head, segment_tag
from codec.container.layout import BLOCK_HEADER_BYTES
from codec.errors import ContainerError
from codec.tokens import TokenFormat
from tests.codec.container.samples import (
    FORMAT,
    FULL_SIDE,
    IDENTITY,
    SMALL,
    random_codes,
    skewed_codes,
    small_coder,
)

HEADER = CdcHeader(IDENTITY, FORMAT, codebooks=8)
CODED_HEADER = CdcHeader(IDENTITY, SMALL, codebooks=4, tables_id=bytes(8))


def sealed(coding: int, n_q: int, first_frame: int, n_frames: int, payload: bytes) -> bytes:
    """A block as the documentation describes it, with right checksums whatever it holds."""
    fields = b"\xcdB" + struct.pack("<BBIHH", coding, n_q, first_frame, n_frames, len(payload))
    head = fields + struct.pack("<I", zlib.crc32(fields + payload))
    return head + struct.pack("<H", binascii.crc_hqx(head, 0xFFFF)) + payload


def parse(data: bytes, header: CdcHeader = HEADER) -> PackedBlock:
    head = parse_block_head(memoryview(data)[:BLOCK_HEADER_BYTES])
    assert head is not None
    return parse_block(memoryview(data), head, header)


def test_every_byte_lies_where_the_documentation_says() -> None:
    codes = np.array([[1, 2], [3, 1023]], np.uint16)
    block = PackedBlock.from_codes(70_000, codes, bits=10)
    # Rows of 20 bits, each filled up to three bytes.
    payload = (1 | 2 << 10).to_bytes(3, "little") + (3 | 1023 << 10).to_bytes(3, "little")
    assert block.pack() == sealed(0, 2, 70_000, 2, payload)


@given(st.integers(2, 65_536), st.integers(1, 8), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_parsing_is_the_inverse(codebook_size: int, n_q: int, n_frames: int, first_frame: int) -> None:
    form = TokenFormat(16_000, 320, codebook_size)
    codes = random_codes(n_q, n_frames, codebook_size=codebook_size)
    data = PackedBlock.from_codes(first_frame, codes, form.bits_per_code).pack()
    back = parse(data, CdcHeader(IDENTITY, form, codebooks=8))
    assert back.first_frame == first_frame
    np.testing.assert_array_equal(back.unpack(form), codes)


def test_any_flipped_bit_of_the_head_is_seen() -> None:
    data = sealed(0, 1, 0, 4, bytes(5))
    for bit in range(8 * BLOCK_HEADER_BYTES):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert parse_block_head(memoryview(damaged)[:BLOCK_HEADER_BYTES]) is None


def test_any_flipped_bit_of_the_payload_is_seen() -> None:
    data = sealed(0, 1, 0, 4, bytes(5))
    for bit in range(8 * BLOCK_HEADER_BYTES, 8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ContainerError, match="checksum"):
            parse(bytes(damaged))


def test_another_payload_coding_asks_for_an_update() -> None:
    with pytest.raises(UnknownFormatError, match="payload coding 3; update"):
        parse(sealed(3, 1, 0, 4, bytes(3)))


@pytest.mark.parametrize(
    ("n_q", "n_frames", "size"), [(0, 4, 0), (9, 4, 45), (1, 0, 0), (1, 4, 4), (1, 4, 6), (2, 4, 5)]
)
def test_impossible_sizes_are_refused_even_under_right_checksums(n_q: int, n_frames: int, size: int) -> None:
    with pytest.raises(ContainerError, match="impossible sizes"):
        parse(sealed(0, n_q, 0, n_frames, bytes(size)))


def test_codes_outside_the_codebook_are_refused() -> None:
    form = TokenFormat(16_000, 320, 1000)
    block = parse(sealed(0, 1, 0, 1, (1000).to_bytes(2, "little")), CdcHeader(IDENTITY, form, codebooks=1))
    with pytest.raises(ContainerError, match=r"entries 0\.\.999"):
        block.unpack(form)


def test_thin_cuts_whole_rows() -> None:
    codes = random_codes(8, 7)
    block = PackedBlock.from_codes(3, codes, bits=10)
    np.testing.assert_array_equal(block.thin(3).unpack(FORMAT), codes[:3])
    assert block.thin(9) == block


def test_entropy_coded_rows_lie_where_the_documentation_says() -> None:
    codes = skewed_codes(3, 40)
    block = PackedBlock.from_codes(7, codes, 4, small_coder())
    rows = small_coder().encode(codes)
    payload = struct.pack("<3H", *map(len, rows)) + b"".join(rows)
    assert block.pack() == sealed(1, 3, 7, 40, payload)
    assert block.thin(2).pack() == sealed(
        1, 2, 7, 40, struct.pack("<2H", *map(len, rows[:2])) + rows[0] + rows[1]
    )
    back = parse(block.pack(), CODED_HEADER)
    for n_q in (1, 2, 3):
        np.testing.assert_array_equal(back.thin(n_q).unpack(SMALL, small_coder()), codes[:n_q])


def test_codes_that_do_not_get_smaller_are_packed() -> None:
    codes = random_codes(4, 40, codebook_size=16)
    assert PackedBlock.from_codes(0, codes, 4, small_coder()) == PackedBlock.from_codes(0, codes, 4)


def test_entropy_coding_needs_its_flag_and_is_bounded() -> None:
    data = PackedBlock.from_codes(0, skewed_codes(4, 40), 4, small_coder()).pack()
    with pytest.raises(ContainerError, match="impossible sizes"):
        parse(data, CdcHeader(IDENTITY, SMALL, codebooks=4))
    for n_frames, fits in ((32_766, True), (32_768, False)):
        bomb = sealed(1, 4, 0, n_frames, struct.pack("<4H", 0, 0, 0, 0))
        if fits:
            assert parse(bomb, CODED_HEADER).n_frames == n_frames
        else:
            with pytest.raises(ContainerError, match="impossible sizes"):
                parse(bomb, CODED_HEADER)


def test_the_segment_is_told_beside_the_coding() -> None:
    header = CdcHeader(IDENTITY, FORMAT, 8, side=FULL_SIDE)
    block = PackedBlock.from_codes(0, random_codes(2, 4), 10, segment=segment_tag(33))
    assert block.pack()[2] == 1 << 3
    assert parse(block.pack(), header) == block
    with pytest.raises(ContainerError, match="impossible sizes"):
        parse(block.pack())


@pytest.mark.parametrize(("n_q", "n_frames"), [(1, 0), (0, 1)])
def test_records_have_no_frames(n_q: int, n_frames: int) -> None:
    header = CdcHeader(IDENTITY, FORMAT, 8, side=FULL_SIDE)
    assert parse(sealed(2, 0, 5, 0, bytes(9)), header).n_frames == 0
    with pytest.raises(ContainerError, match="impossible sizes"):
        parse(sealed(2, n_q, 5, n_frames, bytes(9)), header)
    with pytest.raises(ContainerError, match="impossible sizes"):
        parse(sealed(2, 0, 5, 0, bytes(9)))
