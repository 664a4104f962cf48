from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import InvalidRequestError, InvalidTokensError
from codec.tokens import (
    NO_SIDE,
    Codes,
    LabelFormat,
    SideInformation,
    TokenFormat,
    TokenIdentity,
    Tokens,
    as_codes,
    from_wire,
    n_q_for_bitrate,
    to_wire,
)

IDENTITY = TokenIdentity("stream_16k", "1-0123456789ab", "0123456789abcdef")
FORMAT = TokenFormat(16_000, 320, 1024)


def tokens(codes: Codes, n_samples: int | None = None, side: SideInformation = NO_SIDE) -> Tokens:
    return Tokens(codes, IDENTITY, 16_000, 320, n_samples, 1024, side)


def ramp(n_q: int, n_frames: int) -> Codes:
    return (np.arange(n_q * n_frames).reshape(n_q, n_frames) % 1024).astype(np.uint16)


def test_the_facts_of_tokens() -> None:
    made = tokens(ramp(8, 50), n_samples=15_999)
    assert (made.model, made.version, made.token_space) == (
        "stream_16k",
        "1-0123456789ab",
        "0123456789abcdef",
    )
    assert (made.n_q, made.n_frames, made.bits_per_code) == (8, 50, 10)
    assert made.frame_rate == 50
    assert made.bitrate_bps == 4000


def test_rates_are_exact_fractions() -> None:
    odd = TokenFormat(44_100, 512, 1024)
    assert odd.frame_rate == Fraction(11_025, 128)
    assert odd.bitrate_bps(3) == Fraction(11_025 * 30, 128)


@pytest.mark.parametrize(("size", "bits"), [(2, 1), (3, 2), (1000, 10), (1024, 10), (1025, 11), (65_536, 16)])
def test_bits_per_code_hold_every_entry(size: int, bits: int) -> None:
    assert TokenFormat(16_000, 320, size).bits_per_code == bits


def test_codes_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tokens(ramp(2, 3)).codes[0, 0] = 1


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((1, 3), np.int64), "convert them with as_codes"),
        (np.zeros(3, np.uint16), r"\[codebook, frame\]"),
        (np.zeros((0, 3), np.uint16), r"1\.\.255 codebooks"),
        (np.zeros((256, 3), np.uint16), r"1\.\.255 codebooks"),
        (np.full((1, 3), 1024, np.uint16), r"entries 0\.\.1023"),
    ],
)
def test_codes_that_no_model_has_are_refused(codes: Any, message: str) -> None:
    with pytest.raises(InvalidTokensError, match=message):
        tokens(codes)


@pytest.mark.parametrize("values", [np.array([[-1]]), np.array([[1 << 40]]), np.array([[65_536 + 5]])])
def test_wider_integers_are_checked_before_they_are_narrowed(values: Any) -> None:
    with pytest.raises(InvalidTokensError, match="codes span"):
        as_codes(values, 1024)


def test_floats_are_no_codes() -> None:
    with pytest.raises(InvalidTokensError, match="give integers"):
        as_codes(np.zeros((1, 1), np.float32), 1024)


def test_int64_codes_become_uint16() -> None:
    codes = as_codes(np.array([[0, 1023]]), 1024)
    assert codes.dtype == np.uint16
    assert codes.tolist() == [[0, 1023]]


@pytest.mark.parametrize("n_samples", [-1, 3 * 320 + 1, 1 << 60])
def test_more_samples_than_the_frames_hold_are_refused(n_samples: int) -> None:
    with pytest.raises(InvalidTokensError, match="do not fit 3 frames"):
        tokens(ramp(1, 3), n_samples=n_samples)


def test_the_bits_of_labels_are_counted() -> None:
    side = SideInformation((0.5,), np.zeros(6, np.uint16), LabelFormat(86, 160))
    made = tokens(ramp(8, 3), n_samples=960, side=side)
    assert made.bitrate_bps == 4000 + 700
    assert made.thin(2).bitrate_bps == 1000 + 700
    assert made.thin(2).side is side


def test_side_information_of_another_item_is_refused() -> None:
    with pytest.raises(InvalidTokensError, match="2 scales for 1 segments"):
        tokens(ramp(1, 3), side=SideInformation((1.0, 2.0)))


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "a\n"])
def test_identities_are_short_printable_ascii(name: str) -> None:
    with pytest.raises(InvalidTokensError, match="printable ASCII"):
        replace(IDENTITY, token_space=name)


def test_impossible_formats_are_refused() -> None:
    for values in (
        (0, 320, 1024),
        (16_000, 0, 1024),
        (16_000, 65_536, 1024),
        (16_000, 320, 1),
        (16_000, 320, 65_537),
    ):
        with pytest.raises(InvalidTokensError, match="outside"):
            TokenFormat(*values)


def test_thin_keeps_the_first_codebooks() -> None:
    made = tokens(ramp(8, 5), n_samples=1500)
    thin = made.thin(3)
    np.testing.assert_array_equal(thin.codes, made.codes[:3])
    assert (thin.n_samples, thin.identity) == (1500, IDENTITY)


@pytest.mark.parametrize("n_q", [0, 9, -1])
def test_thin_cannot_invent_codebooks(n_q: int) -> None:
    with pytest.raises(InvalidRequestError, match=r"outside 1\.\.8"):
        tokens(ramp(8, 5)).thin(n_q)


def test_the_wire_is_little_endian_frame_by_frame() -> None:
    codes = np.array([[0x0102, 0x0304], [0x0005, 0x0006]], np.uint16)
    assert to_wire(codes) == bytes([2, 1, 5, 0, 4, 3, 6, 0])
    assert tokens(codes).to_wire() == to_wire(codes)


@given(st.integers(1, 32), st.integers(0, 40))
def test_from_wire_is_the_inverse(n_q: int, n_frames: int) -> None:
    codes = ramp(n_q, n_frames)
    np.testing.assert_array_equal(from_wire(to_wire(codes), n_q, 1024), codes)


@pytest.mark.parametrize("size", [1, 3, 5, 6])
def test_bytes_that_are_no_whole_frames_are_refused(size: int) -> None:
    with pytest.raises(InvalidTokensError, match="multiple of 4 bytes"):
        from_wire(bytes(size), 2, 1024)


def test_wire_codes_are_range_checked() -> None:
    with pytest.raises(InvalidTokensError, match="codes span"):
        from_wire(b"\xff\xff", 1, 1024)
    with pytest.raises(InvalidRequestError, match="n_q of 0"):
        from_wire(b"", 0, 1024)


@pytest.mark.parametrize("n_q", [1, 8, 32])
def test_a_bitrate_names_its_codebooks(n_q: int) -> None:
    assert n_q_for_bitrate(500 * n_q, FORMAT, 32) == n_q
    odd = TokenFormat(44_100, 512, 1024)
    assert n_q_for_bitrate(odd.bitrate_bps(n_q), odd, 32) == n_q


@pytest.mark.parametrize("bitrate", [0, 499, 750, 2001, float("nan")])
def test_other_bitrates_are_refused_with_the_list(bitrate: float) -> None:
    with pytest.raises(InvalidRequestError, match=r"choose one of 500, 1000, 1500, 2000$"):
        n_q_for_bitrate(bitrate, FORMAT, 4)
