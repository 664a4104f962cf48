import io

import numpy as np
import pytest

from codec.container import CdcHeader, CdcReader, CdcWriter, read_cdc, thin_cdc, write_cdc
from codec.errors import ContainerError, InvalidRequestError
from tests.codec.container.samples import (
    FORMAT,
    IDENTITY,
    make_file,
    make_segmented,
    make_tokens,
    random_codes,
    small_coder,
)


def thinned(data: bytes, n_q: int) -> bytes:
    sink = io.BytesIO()
    thin_cdc(data, sink, n_q)
    return sink.getvalue()


@pytest.mark.parametrize("n_q", range(1, 9))
def test_thinning_the_file_is_thinning_the_tokens(n_q: int) -> None:
    tokens = make_tokens(8)
    assert thinned(write_cdc(tokens), n_q) == write_cdc(tokens.thin(n_q))


@pytest.mark.parametrize("n_q", range(1, 5))
def test_segments_keep_what_belongs_to_them(n_q: int) -> None:
    tokens = make_segmented()
    assert thinned(write_cdc(tokens), n_q) == write_cdc(tokens.thin(n_q))


@pytest.mark.parametrize("n_q", range(1, 5))
def test_entropy_coded_files_are_thinned_without_their_tables(n_q: int) -> None:
    tokens = make_segmented()
    data = thinned(write_cdc(tokens, small_coder()), n_q)
    assert any(block.coding == 1 for block in CdcReader(data).packed_blocks())
    back = read_cdc(data, coder=small_coder())
    np.testing.assert_array_equal(back.codes, tokens.codes[:n_q])
    assert back.side.scale == tokens.side.scale


def test_blocks_with_fewer_codebooks_stay() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, CdcHeader(IDENTITY, FORMAT, 8))
    pieces = [random_codes(n_q, 5, seed=n_q) for n_q in (8, 2, 4)]
    for piece in pieces:
        writer.append(piece)
    writer.finish(4000)
    reader = CdcReader(thinned(sink.getvalue(), 3))
    for block, piece in zip(reader, pieces, strict=True):
        np.testing.assert_array_equal(block.codes, piece[:3])
    assert reader.n_samples == 4000


@pytest.mark.parametrize("n_q", [0, 5, -1])
def test_codebooks_that_are_not_there_are_refused(n_q: int) -> None:
    with pytest.raises(InvalidRequestError, match=r"outside 1\.\.4"):
        thinned(write_cdc(make_tokens(4)), n_q)


def test_damage_is_not_copied() -> None:
    data = make_file(random_codes(4, 50), 10)
    sink = io.BytesIO()
    with pytest.raises(ContainerError):
        thin_cdc(data[:-1], sink, 2)
    with pytest.raises(ContainerError, match="without its end"):
        read_cdc(sink.getvalue())
