"""The quick way to write plain files gives the same bytes as the usual one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.container import PlainCdc, read_cdc, write_cdc
from codec.errors import InvalidTokensError
from codec.tokens import TokenFormat, Tokens
from tests.codec.container.samples import IDENTITY, random_codes

_FORM = TokenFormat(16_000, 320, 1024)


@given(
    st.sampled_from([1, 2, 8, 32, 255]),
    st.sampled_from([0, 1, 2, 100, 299, 300, 301, 700]),
    st.sampled_from([2, 3, 1024, 1025, 65_536]),
    st.floats(0, 1),
)
@settings(deadline=None, max_examples=80)
def test_the_bytes_are_those_of_write_cdc(n_q: int, n_frames: int, codebook_size: int, share: float) -> None:
    codes = random_codes(n_q, n_frames, codebook_size=codebook_size)
    n_samples = int(n_frames * 320 * share)
    plain = PlainCdc(IDENTITY, TokenFormat(16_000, 320, codebook_size), n_q)
    tokens = Tokens(codes, IDENTITY, 16_000, 320, n_samples, codebook_size)
    written = plain.write(codes, n_samples)
    assert written == write_cdc(tokens)
    np.testing.assert_array_equal(read_cdc(written).codes, codes)


@pytest.mark.parametrize("n_frames", [10, 400])
def test_codes_outside_the_codebook_are_refused(n_frames: int) -> None:
    codes = np.full((8, n_frames), 1024, np.uint16)
    with pytest.raises(InvalidTokensError, match="1024"):
        PlainCdc(IDENTITY, _FORM, 8).write(codes, n_frames)


@pytest.mark.parametrize("n_frames", [0, 10, 400])
@pytest.mark.parametrize("extra", [-1, 1])
def test_samples_that_do_not_fit_are_refused(n_frames: int, extra: int) -> None:
    n_samples = n_frames * 320 + extra if extra > 0 else -1
    with pytest.raises(InvalidTokensError, match=f"{n_samples} samples do not fit"):
        PlainCdc(IDENTITY, _FORM, 8).write(random_codes(8, n_frames), n_samples)


def test_no_codec_has_no_codebooks() -> None:
    with pytest.raises(InvalidTokensError, match="codebooks"):
        PlainCdc(IDENTITY, _FORM, 0)
