"""Blocks of codes: there and back, the same bytes everywhere, and hostile rows."""

import io
import time

import numpy as np
import pytest

from codec.container import CdcHeader, CdcReader, CdcWriter, read_cdc, thin_cdc, write_cdc
from codec.entropy import EntropyTables
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import Codes, TokenFormat, Tokens
from tests.codec.container.samples import IDENTITY
from tests.codec.entropy.samples import dependent_codes, fixed_tables

GOLDEN_ID = "907d39db432131aa"
GOLDEN_ROWS = (
    "94201fe4a556b5bdf456f9510cfe89fb48a0786c38a995",
    "02636c83d98b0b1c9a59f3bdbfa4f57e0988fc0c5e48b6fd13f8",
    "32f319c689476b4ee266f037117bc1d66ae7a7da40c0a5f3",
)


def golden_codes() -> Codes:
    """40 frames of 3 codebooks of 8, by integer arithmetic."""
    frame = np.arange(40)
    return np.stack([frame * frame // 7 % 8, frame // 3 * 5 % 8, frame * 11 % 8]).astype(np.uint16)


def views(rows: list[bytes]) -> list[memoryview]:
    return [memoryview(row) for row in rows]


def test_another_machine_makes_the_same_bytes() -> None:
    tables = fixed_tables()
    coder = tables.coder()
    assert coder.tables_id.hex() == tables.tables_id.hex() == GOLDEN_ID
    assert tuple(row.hex() for row in coder.encode(golden_codes())) == GOLDEN_ROWS


def test_another_machine_understands_the_same_bytes() -> None:
    rows = [memoryview(bytes.fromhex(row)) for row in GOLDEN_ROWS]
    np.testing.assert_array_equal(fixed_tables().coder().decode(rows, 40), golden_codes())


@pytest.mark.parametrize("n_frames", [0, 1, 2, 300])
@pytest.mark.parametrize("n_q", [1, 2, 3])
def test_codes_come_back(n_q: int, n_frames: int) -> None:
    coder = fixed_tables().coder()
    codes = dependent_codes(n_q, n_frames, size=8)
    decoded = coder.decode(views(coder.encode(codes)), n_frames)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, codes)


def test_rows_can_be_cut_off_the_end() -> None:
    coder = fixed_tables().coder()
    codes = dependent_codes(3, 100, size=8)
    rows = coder.encode(codes)
    np.testing.assert_array_equal(coder.decode(views(rows[:2]), 100), codes[:2])
    assert coder.encode(codes[:2]) == rows[:2]


def test_codes_that_the_tables_are_not_for_are_refused() -> None:
    coder = fixed_tables(codebooks=3).coder()
    for codes in (dependent_codes(4, 5, size=8), np.full((3, 5), 8, np.uint16)):
        with pytest.raises(InvalidTokensError, match="3 codebooks of 8; use those of the model"):
            coder.encode(codes)
    with pytest.raises(ContainerError, match="4 entropy-coded rows, and tables for 3 codebooks"):
        coder.decode([memoryview(b"")] * 4, 5)


def test_hostile_rows_end_in_an_error_or_in_codes() -> None:
    coder = fixed_tables().coder()
    rng = np.random.default_rng(0)
    sound = coder.encode(dependent_codes(3, 60, size=8))
    refused = 0
    for _ in range(2000):
        rows = [bytearray(row) for row in sound]
        row = rows[rng.integers(3)]
        row[rng.integers(len(row))] ^= int(rng.integers(1, 256))
        try:
            codes = coder.decode([memoryview(row) for row in rows], 60)
        except ContainerError:
            refused += 1
            continue
        assert codes.shape == (3, 60)
        assert codes.max() < 8
        # Whatever is accepted has one meaning and one form.
        assert [bytes(row) for row in rows] == coder.encode(codes)
    assert refused > 1000


@pytest.mark.parametrize("row", [b"", b"\x01", b"\xff" * 65_535])
def test_the_longest_block_takes_bounded_time(row: bytes) -> None:
    began = time.process_time()
    with pytest.raises(ContainerError):
        fixed_tables().coder().decode([memoryview(row), memoryview(b"\0")], 65_535)
    assert time.process_time() - began < 2


class TestInFiles:
    """Through the container, as files are written and read."""

    tables: EntropyTables = fixed_tables()

    def tokens(self) -> Tokens:
        return Tokens(dependent_codes(3, 1000, size=8), IDENTITY, 16_000, 320, 320_000, 8)

    def test_tokens_come_back_from_a_smaller_file(self) -> None:
        tokens = self.tokens()
        # Codes as the tables expect them: mostly zeros.
        zeros = Tokens(tokens.codes // 7, IDENTITY, 16_000, 320, 320_000, 8)
        coder = self.tables.coder()
        coded = write_cdc(zeros, coder=coder)
        assert len(coded) < 0.7 * len(write_cdc(zeros))
        np.testing.assert_array_equal(read_cdc(coded, coder=coder).codes, zeros.codes)

    def test_thinning_needs_no_tables(self) -> None:
        codes = self.tokens().codes // 7
        sink, thinned = io.BytesIO(), io.BytesIO()
        writer = CdcWriter(
            sink, CdcHeader(IDENTITY, TokenFormat(16_000, 320, 8), 3), coder=self.tables.coder()
        )
        writer.append(codes)
        writer.finish(320_000)
        thin_cdc(sink.getvalue(), thinned, 2)
        read = read_cdc(thinned.getvalue(), coder=self.tables.coder())
        np.testing.assert_array_equal(read.codes, codes[:2])

    def test_a_file_without_its_tables_says_what_to_open(self) -> None:
        tokens = self.tokens()
        coded = write_cdc(
            Tokens(tokens.codes // 7, IDENTITY, 16_000, 320, 320_000, 8), coder=self.tables.coder()
        )
        other = fixed_tables(codebooks=4).coder()
        for coder in (None, other):
            with CdcReader(coded, coder=coder) as reader, pytest.raises(ContainerError, match="stream_16k"):
                list(reader)
