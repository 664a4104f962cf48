import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.container import CdcHeader, UnknownFormatError
from codec.container.header import header_bytes, parse_header
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import LabelFormat, Segmentation, SideFormat, TokenFormat, TokenIdentity
from tests.codec.container.samples import FORMAT, IDENTITY

SIDE = SideFormat(True, LabelFormat(86, 160), Segmentation(160_000, 152_000))
HEADER = CdcHeader(IDENTITY, FORMAT, 8, 160_000, SIDE, b"tables77")


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def parse(data: bytes) -> CdcHeader:
    assert header_bytes(memoryview(data)[:19]) <= len(data)
    return parse_header(memoryview(data)[: header_bytes(memoryview(data)[:19])])


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
        SideFormat(
            draw(st.booleans()),
            draw(st.none() | st.builds(LabelFormat, st.integers(2, 65_536), st.sampled_from([1, 10, 160]))),
            draw(
                st.none() | st.builds(Segmentation, st.just(2**32 - 1), st.integers(1, 99).map((160).__mul__))
            ),
        ),
        draw(st.none() | st.binary(min_size=8, max_size=8)),
    )


def test_every_byte_lies_where_the_documentation_says() -> None:
    plain = (
        bytes([2, 10, 8])
        + (16_000).to_bytes(4, "little")
        + (320).to_bytes(2, "little")
        + (1023).to_bytes(2, "little")
    )
    names = bytes([10, 14, 16]) + b"stream_16k1-0123456789ab0123456789abcdef"
    optional = struct.pack("<2H2I", 85, 160, 160_000, 152_000) + b"tables77" + struct.pack("<Q", 160_000)
    assert HEADER.pack() == sealed(b"\xcdCDC" + plain + b"\x1f" + names + optional)
    assert HEADER.pack().index(b"stream_16k") == 19
    bare = replace(HEADER, n_samples=None, side=SideFormat(), tables_id=None)
    assert bare.pack() == sealed(b"\xcdCDC" + plain + b"\x00" + names)
    assert parse(bare.pack()) == bare


@given(headers())
def test_parsing_is_the_inverse(header: CdcHeader) -> None:
    assert parse(header.pack()) == header


@pytest.mark.parametrize("start", [b"", b"\xcdCD", b"RIFF" + bytes(60), bytes(100)])
def test_other_files_are_told_apart(start: bytes) -> None:
    with pytest.raises(ContainerError, match=r"no \.cdc file"):
        header_bytes(memoryview(start))


def test_a_newer_version_asks_for_an_update() -> None:
    data = bytearray(HEADER.pack())
    data[4] = 3
    with pytest.raises(UnknownFormatError, match="format version 3; update"):
        header_bytes(memoryview(data)[:19])


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (5, b"\x0b", "11 bits for 1024"),
        (6, b"\x00", "0 codebooks"),
        (7, b"\0\0\0\0", "sample rate of 0"),
        (11, b"\0\0", "hop of 0"),
        (13, b"\0\0", "codebook size of 1"),
        (15, b"\x3f", "flags of a newer"),
        (19, b"\xff", "printable ASCII"),
        (59, b"\0\0", "number of labels of 1"),
        (61, b"\0\0", "label hop of 0"),
        (61, b"\7\0", "start within a label"),
        (63, b"\0\0\0\0", "segment length of 0"),
        (67, b"\0\0\0\0", "segment stride of 0"),
        (67, b"\xff\xff\xff\xff", "segment stride"),
        (79, b"\xff" * 8, "cannot be stored"),
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
    with pytest.raises(InvalidTokensError, match="8 bytes"):
        replace(HEADER, tables_id=b"short")
    with pytest.raises(InvalidTokensError, match="cannot be stored"):
        replace(HEADER, n_samples=2**64 - 1)
