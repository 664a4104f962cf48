import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from codec.container import CdcHeader, CdcReader, CdcWriter, FrameRange, read_cdc
from codec.container import reader as reader_module
from codec.container.block import PackedBlock
from codec.container.index import Index
from codec.errors import ContainerError, InvalidRequestError
from tests.codec.container.samples import FORMAT, IDENTITY, make_file, random_codes

CODES = random_codes(4, 50)
FILE = make_file(CODES, 10, n_samples=15_000)
HEADER_BYTES = len(CdcHeader(IDENTITY, FORMAT, 4).pack())
BLOCK_BYTES = 18 + 4 * 13


def damaged(*offsets: int, data: bytes = FILE) -> bytes:
    changed = bytearray(data)
    for offset in offsets:
        changed[offset] ^= 0x55
    return bytes(changed)


def first_frames(reader: CdcReader) -> list[int]:
    starts = []
    for block in reader:
        stop = block.first_frame + block.codes.shape[1]
        np.testing.assert_array_equal(block.codes, CODES[:, block.first_frame : stop])
        starts.append(block.first_frame)
    return starts


def test_bytes_paths_files_and_pipes_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.cdc"
    path.write_bytes(FILE)
    read_end, write_end = os.pipe()
    os.write(write_end, FILE)
    os.close(write_end)
    with path.open("rb") as file, open(read_end, "rb") as pipe:
        for source in (FILE, path, file, io.BytesIO(FILE), pipe):
            tokens = read_cdc(source)
            np.testing.assert_array_equal(tokens.codes, CODES)
            assert (tokens.n_samples, tokens.identity, tokens.format) == (15_000, IDENTITY, FORMAT)


def test_a_file_inside_another_stream_starts_where_it_stands() -> None:
    stream = io.BytesIO(b"before" + FILE)
    stream.seek(6)
    reader = CdcReader(stream)
    reader.seek(25)
    assert first_frames(reader) == [20, 30, 40]


@pytest.mark.parametrize("frame", range(50))
def test_seek_finds_the_block_of_a_frame(frame: int) -> None:
    for data in (FILE, FILE[: HEADER_BYTES + 5 * BLOCK_BYTES]):
        reader = CdcReader(data, tolerant=True)
        reader.seek(frame)
        assert first_frames(reader) == list(range(frame // 10 * 10, 50, 10))


def test_seek_goes_back_and_forth_and_after_the_end() -> None:
    reader = CdcReader(FILE)
    assert first_frames(reader) == [0, 10, 20, 30, 40]
    for frame in (45, 0, 12):
        reader.seek(frame)
        assert next(iter(reader)).first_frame == frame // 10 * 10


def test_seek_reads_only_what_it_needs() -> None:
    blocks = 2000
    codes = random_codes(8, 50 * blocks)
    stream = io.BytesIO(make_file(codes, 50))
    reader = CdcReader(stream)
    reader.seek(50 * blocks - 1)
    assert next(iter(reader)).first_frame == 50 * (blocks - 1)
    total = len(stream.getvalue())
    assert reader.bytes_read > total - 4 * blocks - 1000


def test_frames_outside_the_file_are_refused() -> None:
    for frame in (-1, 50, 2**40):
        with pytest.raises(InvalidRequestError, match=r"choose 0\.\.49"):
            CdcReader(FILE).seek(frame)


def test_a_pipe_cannot_seek() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, FILE)
    os.close(write_end)
    with open(read_end, "rb") as pipe, pytest.raises(ContainerError, match="cannot seek"):
        CdcReader(pipe).seek(3)


def test_the_sample_count_is_found_before_the_end_where_seeking_is_possible() -> None:
    reader = CdcReader(FILE)
    assert next(iter(reader)).first_frame == 0
    assert reader.n_samples == 15_000
    assert first_frames(reader) == [10, 20, 30, 40]


@pytest.mark.parametrize("block", range(5))
@pytest.mark.parametrize("offset", [0, 1, 3, 5, 9, 11, 13, 17, 18, 40, BLOCK_BYTES - 1])
def test_a_damaged_block_costs_only_itself(block: int, offset: int) -> None:
    data = damaged(HEADER_BYTES + block * BLOCK_BYTES + offset)
    with pytest.raises(ContainerError):
        read_cdc(data)
    reader = CdcReader(data, tolerant=True)
    assert first_frames(reader) == [start for start in range(0, 50, 10) if start != 10 * block]
    report = reader.report
    assert report.lost == (FrameRange(10 * block, 10 * block + 10),)
    assert (report.finished, report.n_problems) == (True, 1)


def test_neighbouring_damage_is_one_gap() -> None:
    data = damaged(HEADER_BYTES + BLOCK_BYTES, HEADER_BYTES + 2 * BLOCK_BYTES + 30)
    reader = CdcReader(data, tolerant=True)
    assert first_frames(reader) == [0, 30, 40]
    assert reader.report.lost == (FrameRange(10, 30),)


def test_inserted_and_missing_bytes_are_got_over() -> None:
    place = HEADER_BYTES + 2 * BLOCK_BYTES
    for data in (FILE[:place] + b"\xcdB junk \xcdI\xcd" + FILE[place:], FILE[:place] + FILE[place + 7 :]):
        reader = CdcReader(data, tolerant=True)
        starts = first_frames(reader)
        assert {0, 10, 30, 40} <= set(starts)
        assert reader.report.finished
        with pytest.raises(ContainerError):
            read_cdc(data)


def test_repeated_and_swapped_blocks_are_refused_or_left_out() -> None:
    blocks = [FILE[HEADER_BYTES + n * BLOCK_BYTES : HEADER_BYTES + (n + 1) * BLOCK_BYTES] for n in range(5)]
    start, end = FILE[:HEADER_BYTES], FILE[HEADER_BYTES + 5 * BLOCK_BYTES :]
    for order, kept in (((0, 1, 1, 2, 3, 4), [0, 10, 20, 30, 40]), ((0, 2, 1, 3, 4), [0, 20, 30, 40])):
        data = start + b"".join(blocks[n] for n in order) + end
        with pytest.raises(ContainerError, match="stands where"):
            read_cdc(data)
        reader = CdcReader(data, tolerant=True)
        assert first_frames(reader) == kept
        assert not reader.report.intact


def test_a_removed_block_is_seen() -> None:
    data = FILE[: HEADER_BYTES + 4 * BLOCK_BYTES] + FILE[HEADER_BYTES + 5 * BLOCK_BYTES :]
    with pytest.raises(ContainerError, match="index does not describe"):
        read_cdc(data)
    reader = CdcReader(data, tolerant=True)
    assert first_frames(reader) == [0, 10, 20, 30]
    assert reader.report.lost == (FrameRange(40, 50),)


def test_a_file_cut_anywhere_gives_every_whole_block() -> None:
    for size in range(len(FILE)):
        data = FILE[:size]
        with pytest.raises(ContainerError):
            read_cdc(data)
        if size < HEADER_BYTES:
            continue
        reader = CdcReader(data, tolerant=True)
        whole = min(5, (size - HEADER_BYTES) // BLOCK_BYTES)
        assert first_frames(reader) == [10 * n for n in range(whole)]
        assert reader.report.lost == (FrameRange(10 * whole, None),)
        assert not reader.report.finished


def test_a_growing_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "live.cdc"
    with path.open("wb") as sink:
        writer = CdcWriter(sink, CdcHeader(IDENTITY, FORMAT, 4))
        sink.flush()
        with CdcReader(path, tolerant=True) as reader:
            assert first_frames(reader) == []
            for start in range(0, 50, 10):
                writer.append(CODES[:, start : start + 10])
                writer.flush()
                assert first_frames(reader) == [start]
                assert reader.n_samples is None
            writer.finish(16_000)
            assert first_frames(reader) == []
            assert reader.report.intact
            assert reader.n_samples == 16_000


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(ContainerError):
        read_cdc(FILE + b"\0")
    reader = CdcReader(FILE + b"junk", tolerant=True)
    assert first_frames(reader) == [0, 10, 20, 30, 40]
    assert not reader.report.intact


def test_an_index_that_tells_other_blocks_is_refused() -> None:
    blocks_end = HEADER_BYTES + 5 * BLOCK_BYTES
    wrong = Index(struct.pack("<2H", 50, 4 * 63), 15_000).pack()
    with pytest.raises(ContainerError, match="does not describe"):
        read_cdc(FILE[:blocks_end] + wrong)


def test_more_samples_than_frames_are_refused() -> None:
    blocks_end = HEADER_BYTES + 5 * BLOCK_BYTES
    entries = struct.pack("<2H", 10, 52) * 5
    with pytest.raises(ContainerError, match="makes no sense"):
        read_cdc(FILE[:blocks_end] + Index(entries, 2**63).pack())


def test_noise_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_FALSE_MARKERS", 100)
    data = FILE[:HEADER_BYTES] + b"\xcdB" * 1000
    with pytest.raises(ContainerError, match="too damaged"):
        list(CdcReader(data, tolerant=True))


def test_a_far_first_frame_costs_nothing() -> None:
    far = PackedBlock(2**32 - 2, 1, 4, bytes(8)).pack()
    reader = CdcReader(FILE[: HEADER_BYTES + BLOCK_BYTES] + far, tolerant=True)
    assert [block.first_frame for block in reader] == [0, 2**32 - 2]
    assert reader.report.lost[0] == FrameRange(10, 2**32 - 2)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        CdcReader(tmp_path / "absent.cdc")
