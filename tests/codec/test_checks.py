"""Input that no codec can take is refused with what to do about it."""

import pytest
import torch

from codec.checks import check_codes, check_finite, check_items, check_n_q
from codec.config import QuantizerConfig
from codec.errors import InvalidAudioError, InvalidRequestError, InvalidTokensError

QUANTIZER = QuantizerConfig(codebooks=4, codebook_size=16)


def test_lengths_default_to_the_whole_tensor() -> None:
    assert check_items(torch.zeros(3, 2, 7), 2, None) == (7, 7, 7)
    assert check_items(torch.zeros(2, 1, 7), 1, [1, 7]) == (1, 7)


@pytest.mark.parametrize(
    ("shape", "lengths", "message"),
    [
        ((1, 2, 7), None, "float"),
        ((1, 7), None, "float"),
        ((2, 1, 7), [7], "1 lengths for a batch of 2"),
        ((1, 1, 7), [8], "at least one sample"),
        ((1, 1, 7), [0], "at least one sample"),
        ((0, 1, 7), None, "at least one sample"),
    ],
)
def test_impossible_batches_are_refused(
    shape: tuple[int, ...], lengths: list[int] | None, message: str
) -> None:
    with pytest.raises(InvalidAudioError, match=message):
        check_items(torch.zeros(shape), 1, lengths)


def test_integers_and_infinity_are_refused() -> None:
    with pytest.raises(InvalidAudioError, match="float"):
        check_items(torch.zeros(1, 1, 7, dtype=torch.int16), 1, None)
    check_finite(torch.zeros(3))
    with pytest.raises(InvalidAudioError, match="NaN"):
        check_finite(torch.tensor([0.0, float("inf")]))


def test_codes_and_n_q_have_a_range() -> None:
    check_codes(torch.full((1, 4, 2), 15), QUANTIZER)
    check_codes(torch.full((1, 4, 2), -1), QUANTIZER)
    check_n_q(4, QUANTIZER)
    for codes in (
        torch.full((1, 1, 1), 16),
        torch.full((1, 1, 1), -2),
        torch.zeros(1, 5, 1, dtype=torch.int64),
    ):
        with pytest.raises(InvalidTokensError):
            check_codes(codes, QUANTIZER)
    for n_q in (0, 5, -1):
        with pytest.raises(InvalidRequestError, match=f"n_q is {n_q}"):
            check_n_q(n_q, QUANTIZER)
