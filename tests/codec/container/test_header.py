import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.container import CdcHeader, UnknownFormatError
from codec.container.header import header_bytes, parse_header
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import MAX_SCALES, TokenFormat, TokenIdentity
from tests.codec.container.samples import FORMAT, IDENTITY

HEADER = CdcHeader(IDENTITY, FORMAT, codebooks=8, n_samples=160_000, scale=(0.5, 2.0))


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def parse(data: bytes) -> CdcHeader:
    assert header_bytes(memoryview(data)[:28]) <= len(data)
    return parse_header(memoryview(data)[: header_bytes(memoryview(data)[:28])])


@st.composite
def headers(draw: st.DrawFn) -> CdcHeader:
    name = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
    return CdcHeader(
        TokenIdentity(draw(name), draw(name), draw(name)),
        TokenFormat(
            draw(st.integers(1, 2**31 - 1)), draw(st.integers(1, 65_535)), draw(st.integers(2, 65_536))
        ),
        draw(st.integers(1, 255)),
        draw(st.none() | st.integers(0, 2**64 - 2)),
        tuple(draw(st.lists(st.floats(2**-100, 2**100, width=32), max_size=9))),
    )


def test_every_byte_lies_where_the_documentation_says() -> None:
    expected = sealed(
        b"\xcdCDC"
        + bytes([1, 10, 8])
        + (16_000).to_bytes(4, "little")
        + (320).to_bytes(2, "little")
        + (1023).to_bytes(2, "little")
        + (160_000).to_bytes(8, "little")
        + (2).to_bytes(2, "little")
        + bytes([10, 14, 16])
        + b"stream_16k1-0123456789ab0123456789abcdef"
        + struct.pack("<2f", 0.5, 2.0)
    )
    # The table in the documentation counts 28 bytes up to the names.
    assert HEADER.pack() == expected
    assert expected.index(b"stream_16k") == 28


@given(headers())
def test_parsing_is_the_inverse(header: CdcHeader) -> None:
    assert parse(header.pack()) == header


def test_an_unknown_length_is_all_ones() -> None:
    data = replace(HEADER, n_samples=None).pack()
    assert data[15:23] == b"\xff" * 8
    assert parse(data).n_samples is None


def test_scales_are_kept_as_float32() -> None:
    assert parse(replace(HEADER, scale=(0.1,)).pack()).scale == (float(np.float32(0.1)),)


@pytest.mark.parametrize("start", [b"", b"\xcdCD", b"RIFF" + bytes(60), bytes(100)])
def test_other_files_are_told_apart(start: bytes) -> None:
    with pytest.raises(ContainerError, match=r"no \.cdc file"):
        header_bytes(memoryview(start))


def test_a_newer_version_asks_for_an_update() -> None:
    data = bytearray(HEADER.pack())
    data[4] = 2
    with pytest.raises(UnknownFormatError, match="format version 2; update"):
        header_bytes(memoryview(data)[:28])


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (5, b"\x0b", "11 bits for 1024"),
        (6, b"\x00", "0 codebooks"),
        (7, b"\0\0\0\0", "sample rate of 0"),
        (11, b"\0\0", "hop of 0"),
        (13, b"\0\0", "codebook size of 1"),
        (28, b"\xff", "printable ASCII"),
        (68, struct.pack("<f", float("nan")), "scale"),
        (68, struct.pack("<f", -1), "scale"),
    ],
)
def test_values_without_sense_are_refused_even_under_a_right_checksum(
    offset: int, value: bytes, message: str
) -> None:
    data = bytearray(HEADER.pack()[:-4])
    data[offset : offset + len(value)] = value
    with pytest.raises(ContainerError, match=message):
        parse(sealed(bytes(data)))


def test_impossible_headers_cannot_be_made() -> None:
    with pytest.raises(InvalidTokensError, match="codebooks"):
        replace(HEADER, codebooks=256)
    with pytest.raises(InvalidTokensError, match="scales"):
        replace(HEADER, scale=(1.0,) * (MAX_SCALES + 1))
    with pytest.raises(InvalidTokensError, match="cannot be stored"):
        replace(HEADER, n_samples=2**64 - 1)
