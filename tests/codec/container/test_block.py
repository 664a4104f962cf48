import binascii
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.container import CdcHeader, CodeBlock, UnknownFormatError
from codec.container.block import PackedBlock, parse_block, parse_block_head
from codec.container.layout import BLOCK_HEADER_BYTES
from codec.errors import ContainerError
from codec.tokens import TokenFormat
from tests.codec.container.samples import FORMAT, IDENTITY, random_codes

HEADER = CdcHeader(IDENTITY, FORMAT, codebooks=8)


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
    block = PackedBlock.from_codes(CodeBlock(70_000, codes), bits=10)
    # Rows of 20 bits, each filled up to three bytes.
    payload = (1 | 2 << 10).to_bytes(3, "little") + (3 | 1023 << 10).to_bytes(3, "little")
    assert block.pack() == sealed(0, 2, 70_000, 2, payload)


@given(st.integers(2, 65_536), st.integers(1, 8), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_parsing_is_the_inverse(codebook_size: int, n_q: int, n_frames: int, first_frame: int) -> None:
    form = TokenFormat(16_000, 320, codebook_size)
    codes = random_codes(n_q, n_frames, codebook_size=codebook_size)
    data = PackedBlock.from_codes(CodeBlock(first_frame, codes), form.bits_per_code).pack()
    back = parse(data, CdcHeader(IDENTITY, form, codebooks=8)).unpack(form)
    assert back.first_frame == first_frame
    np.testing.assert_array_equal(back.codes, codes)


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
    with pytest.raises(UnknownFormatError, match="payload coding 1; update"):
        parse(sealed(1, 1, 0, 4, bytes(3)))


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
    block = PackedBlock.from_codes(CodeBlock(3, codes), bits=10)
    np.testing.assert_array_equal(block.thin(3).unpack(FORMAT).codes, codes[:3])
    assert block.thin(9) == block
