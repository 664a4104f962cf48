"""Growth is a trend, which a few wild samples do not move."""

import numpy as np
import pytest

from tests.bench.growth import Growth, usual


def test_a_leak_is_found_beneath_noise_and_spikes() -> None:
    rng = np.random.default_rng(0)
    seconds = np.arange(0.0, 1800.0, 5.0)
    values = 400 + 100 * seconds / 3600 + rng.normal(0, 2, len(seconds))
    values[::20] += 300
    found = Growth.of(list(seconds), list(values))
    assert found.per_hour == pytest.approx(100, rel=0.05)
    assert found.growth == pytest.approx(50, rel=0.05)
    assert not found.is_level(0.02, 4.0)


def test_a_level_series_is_level_whatever_its_noise() -> None:
    rng = np.random.default_rng(1)
    seconds = np.arange(0.0, 1800.0, 5.0)
    found = Growth.of(list(seconds), list(400 + rng.normal(0, 5, len(seconds))))
    assert abs(found.per_hour) < 4
    assert found.is_level(0.02, 4.0)


def test_many_samples_are_thinned_out() -> None:
    seconds = np.arange(50_000.0)
    assert Growth.of(list(seconds), list(2 * seconds)).per_hour == pytest.approx(7200)


def test_one_sample_has_no_trend() -> None:
    with pytest.raises(ValueError, match="no trend"):
        Growth.of([0.0], [1.0])


def test_the_usual_number_is_the_most_frequent() -> None:
    assert usual([2, 2, 4, 2, 3, 2]) == 2
