import numpy as np
import pytest

from training.visqol.alignment import align, align_and_truncate, best_lag, envelope
from training.visqol.settings import Floats


def noise(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(count)


@pytest.mark.parametrize(("n_reference", "n_degraded"), [(50, 50), (64, 40), (33, 70)])
def test_best_lag_is_where_the_correlation_of_the_envelopes_is_highest(
    n_reference: int, n_degraded: int
) -> None:
    reference, degraded = noise(n_reference, 1), noise(n_degraded, 2)
    n = max(n_reference, n_degraded)
    first, second = (np.pad(envelope(x), (0, n - len(x))) for x in (reference, degraded))
    by_lag = {
        lag: sum(first[t + lag] * second[t] for t in range(n) if 0 <= t + lag < n) for lag in range(1 - n, n)
    }
    assert best_lag(reference, degraded) == max(by_lag, key=lambda lag: by_lag[lag])


def test_a_late_signal_loses_its_beginning() -> None:
    reference = noise(1000)
    aligned = align(reference, np.concatenate([np.zeros(37), reference]))
    assert aligned.lag_samples == -37
    np.testing.assert_array_equal(aligned.degraded, reference)


def test_an_early_signal_gets_zeros_in_front() -> None:
    reference = noise(1000)
    aligned = align(reference, reference[37:])
    assert aligned.lag_samples == 37
    np.testing.assert_array_equal(aligned.degraded, np.concatenate([np.zeros(37), reference[37:]]))


def test_a_shift_of_more_than_half_the_reference_is_not_believed() -> None:
    reference = noise(1000)
    late = np.concatenate([np.zeros(600), reference])
    aligned = align(reference, late)
    assert aligned.lag_samples == 0
    np.testing.assert_array_equal(aligned.degraded, late)


@pytest.mark.parametrize("shift", [-300, -1, 0, 1, 300])
def test_truncated_signals_are_of_one_length_and_fit(shift: int) -> None:
    source = noise(3000)
    reference, degraded = source[500:2500], source[500 + shift : 2500 + shift]
    aligned = align_and_truncate(reference, degraded, 16000)
    assert aligned.lag_samples == shift
    np.testing.assert_array_equal(aligned.reference, aligned.degraded)
    assert len(aligned.reference) == 2000 - abs(shift)


def test_a_degraded_signal_that_stays_longer_is_cut_to_the_reference() -> None:
    source = noise(3000)
    aligned = align_and_truncate(source[100:1100], source[:2000], 16000)
    assert aligned.lag_samples == -100
    np.testing.assert_array_equal(aligned.reference, source[100:1100])
    np.testing.assert_array_equal(aligned.degraded, source[100:1100])


@pytest.mark.parametrize("count", [5, 33, 100])
def test_envelope_of_a_padded_signal_is_the_rectified_double(count: int) -> None:
    """Doubled, that is, but for its mean (taken once) and the highest frequency (dropped)."""
    signal = noise(count) + 3
    size = max(32, 2 ** int(np.ceil(np.log2(count))))
    centred = np.zeros(size)
    centred[:count] = signal - signal.mean()
    highest = np.sum(centred * (-1.0) ** np.arange(size)) / size * (-1.0) ** np.arange(size)
    expected = np.abs(2 * centred - centred.mean() - 2 * highest)[:count] + signal.mean()
    np.testing.assert_allclose(envelope(signal), expected)


def test_envelope_of_an_unpadded_signal_keeps_its_highest_frequency_once() -> None:
    alternating: Floats = np.cos(np.pi * np.arange(64))
    np.testing.assert_allclose(envelope(alternating), np.ones(64))
    slow = np.cos(2 * np.pi * np.arange(64) / 64)
    np.testing.assert_allclose(envelope(slow), 2 * np.abs(slow), atol=1e-12)
