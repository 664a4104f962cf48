"""Bootstrap intervals."""

import numpy as np
import pytest

from training.evaluation.interval import bootstrap_mean


def test_it_is_near_the_interval_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean = bootstrap_mean(values.tolist())
    half = 1.96 * values.std(ddof=1) / 20
    assert mean.mean == pytest.approx(values.mean())
    assert mean.low == pytest.approx(values.mean() - half, abs=0.03)
    assert mean.high == pytest.approx(values.mean() + half, abs=0.03)
    assert mean.n == 400


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        mean = bootstrap_mean(random.exponential(1, 50).tolist())
        assert mean.low is not None
        assert mean.high is not None
        hits += mean.low <= 1 <= mean.high
    assert 0.87 <= hits / 200 <= 0.99


def test_the_same_values_give_the_same_interval() -> None:
    assert bootstrap_mean([1, 2, 4]) == bootstrap_mean([1, 2, 4])
    assert bootstrap_mean([5, 5, 5]).low == 5


def test_one_file_has_no_interval() -> None:
    mean = bootstrap_mean([2.5])
    assert (mean.mean, mean.low, mean.high, mean.n) == (2.5, None, None, 1)
