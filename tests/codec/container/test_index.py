import struct
import zlib

import pytest

from codec.container.index import BlockPlace, Index, RecordPlace, parse_index
from codec.container.layout import MAX_BLOCKS
from codec.errors import ContainerError

INDEX = Index(struct.pack("<6H", 300, 3000, 300, 3000, 2, 20), 160_000)


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body)) + b"CDC\xcd"


def test_every_byte_lies_where_the_documentation_says() -> None:
    assert INDEX.pack() == sealed(b"\xcdI" + INDEX.entries + struct.pack("<QI", 160_000, 3))
    assert Index(b"", None).pack() == sealed(b"\xcdI" + b"\xff" * 8 + bytes(4))
    assert Index(INDEX.entries, None, measured=True).pack() == sealed(
        b"\xcdI" + INDEX.entries + bytes([3, 0, 0, 0])
    )


@pytest.mark.parametrize("index", [INDEX, Index(b"", None), Index(b"", 0), Index(INDEX.entries, None, True)])
def test_parsing_is_the_inverse(index: Index) -> None:
    assert parse_index(memoryview(index.pack()), index.measured) == index
    with pytest.raises(ContainerError, match="damaged or cut"):
        parse_index(memoryview(index.pack()), not index.measured)


def test_frames_are_found_in_their_blocks() -> None:
    assert INDEX.n_frames == 602
    places = {frame: INDEX.find(frame) for frame in (0, 299, 300, 599, 600, 601)}
    assert places[0] == places[299] == BlockPlace(0, 0)
    assert places[300] == places[599] == BlockPlace(300, 3018)
    assert places[600] == places[601] == BlockPlace(600, 6036)


def test_the_segment_record_of_a_frame_is_found() -> None:
    index = Index(struct.pack("<10H", 0, 8, 300, 3000, 200, 2000, 0, 8, 100, 1000), None)
    assert (index.n_frames, index.n_records) == (600, 2)
    assert index.find(0) == BlockPlace(0, 26)
    assert index.find_record(0) == index.find_record(499) == RecordPlace(0, 0, 0)
    assert index.find_record(500) == RecordPlace(500, 26 + 3018 + 2018, 1)
    assert index.find(500) == BlockPlace(500, 2 * 26 + 3018 + 2018)
    assert (INDEX.n_records, INDEX.find_record(300)) == (0, None)


def test_any_flipped_bit_is_seen() -> None:
    data = INDEX.pack()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ContainerError):
            parse_index(memoryview(damaged), measured=False)


@pytest.mark.parametrize("n_blocks", [0, 2, 4, MAX_BLOCKS + 1, 2**32 - 1])
def test_a_wrong_count_is_refused_even_under_a_right_checksum(n_blocks: int) -> None:
    with pytest.raises(ContainerError):
        parse_index(
            memoryview(sealed(b"\xcdI" + INDEX.entries + struct.pack("<QI", 160_000, n_blocks))), False
        )


@pytest.mark.parametrize("size", range(0, 30, 3))
def test_a_cut_index_is_refused(size: int) -> None:
    with pytest.raises(ContainerError, match="cut"):
        parse_index(memoryview(INDEX.pack())[:size], measured=False)
