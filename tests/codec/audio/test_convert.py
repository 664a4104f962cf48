from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.audio import Converter, Samples, resampled_length
from codec.errors import InvalidAudioError

RATES = (8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)


def run(
    signal: Samples, from_rate: int, to_rate: int, to_channels: int = 1, cuts: tuple[int, ...] = ()
) -> Samples:
    converter = Converter(from_rate, to_rate, signal.shape[0], to_channels)
    pieces = [converter.process(piece) for piece in np.split(signal, sorted(cuts), axis=1)]
    return np.concatenate([*pieces, converter.flush()], axis=1)


def tone(frequency: float, rate: int, seconds: float = 1.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(np.float32)[
        None
    ]


def decibels(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-30)))


@given(st.integers(1, 5000), st.sampled_from(RATES), st.sampled_from(RATES))
@settings(deadline=None)
def test_the_length_is_exact_and_never_zero(n_samples: int, from_rate: int, to_rate: int) -> None:
    out = run(np.full((1, n_samples), 0.25, np.float32), from_rate, to_rate)
    assert out.shape == (1, ceil(Fraction(n_samples * to_rate, from_rate)))
    assert out.shape[1] == resampled_length(n_samples, from_rate, to_rate)
    assert np.isfinite(out).all()


@given(st.lists(st.integers(0, 3000), max_size=8), st.sampled_from(RATES))
@settings(deadline=None, max_examples=50)
def test_cuts_do_not_show(cuts: list[int], from_rate: int) -> None:
    signal = np.random.default_rng(0).standard_normal((1, 3000)).astype(np.float32)
    np.testing.assert_array_equal(
        run(signal, from_rate, 16_000, cuts=tuple(cuts)), run(signal, from_rate, 16_000)
    )


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 192_000])
def test_a_tone_in_band_keeps_level_and_phase(rate: int) -> None:
    out, expected = run(tone(1000, rate), rate, 16_000)[0], tone(1000, 16_000)[0]
    middle = slice(2000, 14_000)
    error = np.abs(out[middle] - expected[middle]).max() / 0.5
    assert decibels(float(error)) < -90


@pytest.mark.parametrize("frequency", [8800, 12_000, 20_000])
def test_a_tone_out_of_band_vanishes(frequency: float) -> None:
    out = run(tone(frequency, 48_000), 48_000, 16_000)[0, 2000:14_000]
    assert decibels(float(np.abs(out).max()) / 0.5) < -90


def test_equal_rates_change_nothing() -> None:
    signal = tone(440, 16_000)
    np.testing.assert_array_equal(run(signal, 16_000, 16_000, cuts=(5, 100)), signal)


def test_many_channels_become_their_average() -> None:
    stereo = np.concatenate([tone(440, 16_000), -0.5 * tone(440, 16_000)])
    np.testing.assert_allclose(run(stereo, 16_000, 16_000), 0.25 * tone(440, 16_000), atol=1e-7)


def test_one_channel_is_repeated() -> None:
    out = run(tone(440, 48_000), 48_000, 16_000, to_channels=2)
    assert out.shape == (2, 16_000)
    np.testing.assert_array_equal(out[0], out[1])


def test_equal_channels_stay_apart() -> None:
    stereo = np.concatenate([tone(440, 48_000), tone(880, 48_000)])
    out = run(stereo, 48_000, 16_000, to_channels=2)
    np.testing.assert_array_equal(out[:1], run(stereo[:1], 48_000, 16_000))
    np.testing.assert_array_equal(out[1:], run(stereo[1:], 48_000, 16_000))


def test_other_mixes_are_refused() -> None:
    with pytest.raises(InvalidAudioError, match="6 channels cannot become 2"):
        Converter(48_000, 16_000, 6, 2)
