import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.container import CdcHeader, CdcReader, CdcWriter, read_cdc, write_cdc
from codec.container import writer as writer_module
from codec.container.writer import longest_block
from codec.errors import ContainerError, InvalidRequestError, InvalidTokensError, LimitExceededError
from codec.tokens import TokenFormat, Tokens
from tests.codec.container.samples import FORMAT, IDENTITY, make_file, make_tokens, random_codes


def header(codebooks: int = 8, n_samples: int | None = None) -> CdcHeader:
    return CdcHeader(IDENTITY, FORMAT, codebooks, n_samples)


@given(st.integers(1, 32), st.integers(0, 700), st.sampled_from([2, 3, 100, 1024, 1025, 65_536]))
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read(n_q: int, n_frames: int, codebook_size: int) -> None:
    codes = random_codes(n_q, n_frames, codebook_size=codebook_size)
    tokens = Tokens(codes, IDENTITY, 16_000, 320, n_frames * 320 // 2, codebook_size, (0.25, 3.0))
    back = read_cdc(write_cdc(tokens))
    np.testing.assert_array_equal(back.codes, codes)
    assert (back.identity, back.format, back.n_samples, back.scale) == (
        *(IDENTITY, tokens.format, tokens.n_samples, tokens.scale),
    )


def test_ten_seconds_take_at_most_three_percent_more_than_the_codes() -> None:
    for n_q, bound in ((8, 0.03), (16, 0.015), (32, 0.01), (1, 0.23)):
        tokens = make_tokens(n_q)
        code_bits = n_q * 10 * tokens.n_frames
        assert 8 * len(write_cdc(tokens)) <= code_bits * (1 + bound)


@given(st.lists(st.integers(0, 90), max_size=12), st.integers(1, 60))
@settings(deadline=None)
def test_how_frames_arrive_does_not_show(sizes: list[int], block_frames: int) -> None:
    codes = random_codes(4, sum(sizes))
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(4), block_frames)
    for piece in np.split(codes, np.cumsum(sizes)[:-1], axis=1) if sizes else []:
        writer.append(piece)
        assert writer.n_frames <= codes.shape[1]
    writer.finish()
    assert sink.getvalue() == make_file(codes, block_frames)


def test_the_caller_may_use_its_array_again() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(1))
    buffer = np.array([[1, 2, 3]], np.uint16)
    writer.append(buffer)
    buffer[:] = 9
    writer.finish()
    assert read_cdc(sink.getvalue()).codes.tolist() == [[1, 2, 3]]


def test_flushed_frames_can_be_read_while_the_file_is_written() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header())
    codes = random_codes(8, 30)
    for end in (10, 20, 30):
        writer.append(codes[:, end - 10 : end])
        writer.flush()
        reader = CdcReader(sink.getvalue(), tolerant=True)
        seen = np.concatenate([block.codes for block in reader], axis=1)
        np.testing.assert_array_equal(seen, codes[:, :end])
        assert not reader.report.finished
    writer.finish(9000)
    np.testing.assert_array_equal(read_cdc(sink.getvalue()).codes, codes)


def test_n_q_may_change_inside_a_file() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header())
    pieces = [random_codes(n_q, 5, seed=n_q) for n_q in (8, 2, 4)]
    for piece in pieces:
        writer.append(piece)
    writer.finish()
    for block, piece in zip(CdcReader(sink.getvalue()), pieces, strict=True):
        np.testing.assert_array_equal(block.codes, piece)
    whole = read_cdc(sink.getvalue())
    np.testing.assert_array_equal(whole.codes, np.concatenate([piece[:2] for piece in pieces], axis=1))


def test_the_sample_count_may_come_at_the_end() -> None:
    codes = random_codes(8, 10)
    assert read_cdc(make_file(codes, 4, n_samples=3001)).n_samples == 3001
    assert read_cdc(make_file(codes, 4)).n_samples is None


@pytest.mark.parametrize(("announced", "given"), [(None, 3201), (None, -1), (3000, 3001), (3201, None)])
def test_sample_counts_that_do_not_fit_are_refused(announced: int | None, given: int | None) -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(n_samples=announced))
    writer.append(random_codes(8, 10))
    with pytest.raises(InvalidTokensError, match="do not agree"):
        writer.finish(given)
    with pytest.raises(ContainerError, match="without its end"):
        read_cdc(sink.getvalue())


def test_codes_that_do_not_fit_the_header_are_refused() -> None:
    writer = CdcWriter(io.BytesIO(), header(2))
    with pytest.raises(InvalidTokensError, match="opened for 2"):
        writer.append(random_codes(3, 1))
    with pytest.raises(InvalidTokensError, match="codes span"):
        writer.append(np.full((2, 1), 1024, np.uint16))
    assert writer.n_frames == 0


@pytest.mark.parametrize("block_frames", [0, -1, 70_000])
def test_impossible_block_lengths_are_refused(block_frames: int) -> None:
    with pytest.raises(InvalidRequestError, match="do not fit"):
        CdcWriter(io.BytesIO(), header(), block_frames)


@pytest.mark.parametrize(("codebooks", "size"), [(1, 2), (255, 65_536), (32, 1024), (7, 5)])
def test_the_longest_block_fits(codebooks: int, size: int) -> None:
    form = TokenFormat(10**6, 1, size)
    wide = CdcHeader(IDENTITY, form, codebooks)
    codes = random_codes(codebooks, longest_block(wide) + 1, codebook_size=size)
    sink = io.BytesIO()
    writer = CdcWriter(sink, wide)
    writer.append(codes)
    writer.finish()
    blocks = list(CdcReader(sink.getvalue()))
    assert [block.codes.shape[1] for block in blocks] == [longest_block(wide), 1]
    np.testing.assert_array_equal(read_cdc(sink.getvalue()).codes, codes)


def test_a_full_file_is_refused_and_stays_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_BLOCKS", 3)
    sink = io.BytesIO()
    writer = CdcWriter(sink, header(), block_frames=2)
    with pytest.raises(LimitExceededError, match="start another"):
        writer.append(random_codes(8, 8))
    assert len(list(CdcReader(sink.getvalue(), tolerant=True))) == 3
