import struct

import pytest

from codec.container.coder import RowCoder, join_rows, split_rows
from codec.errors import ContainerError
from tests.codec.container.samples import skewed_codes, small_coder

ROWS = [b"abc", b"", b"de"]


def test_rows_come_after_their_lengths() -> None:
    assert join_rows(ROWS) == struct.pack("<3H", 3, 0, 2) + b"abcde"


def test_splitting_is_the_inverse() -> None:
    payload = join_rows(ROWS)
    assert payload is not None
    assert list(map(bytes, split_rows(payload, 3))) == ROWS


def test_a_row_whose_length_cannot_be_told_is_not_joined() -> None:
    assert join_rows([bytes(65_535)]) is not None
    assert join_rows([bytes(65_536)]) is None


@pytest.mark.parametrize("payload", [b"", b"\1", b"\1\0", b"\0\0a", b"\2\0a", b"\1\0ab"])
def test_lengths_that_do_not_add_up_are_refused(payload: bytes) -> None:
    with pytest.raises(ContainerError):
        split_rows(payload, 1)


def test_the_entropy_coder_of_the_library_is_a_row_coder() -> None:
    coder: RowCoder = small_coder()
    codes = skewed_codes(4, 30)
    rows = [memoryview(row) for row in coder.encode(codes)]
    assert len(coder.tables_id) == 8
    for n_q in range(1, 5):
        assert (coder.decode(rows[:n_q], 30) == codes[:n_q]).all()
