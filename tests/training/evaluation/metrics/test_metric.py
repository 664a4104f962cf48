"""Pairs at another rate, and packages that are not there."""

import pytest

from codec.errors import ConfigError
from tests.training.evaluation.signals import noisy
from training.evaluation.metrics.metric import SPEECH_RATE, require


def test_a_pair_at_its_own_rate_is_itself() -> None:
    pair = noisy(10)
    assert pair.at(SPEECH_RATE) is pair


def test_a_pair_at_another_rate_lasts_as_long() -> None:
    pair = noisy(10, seconds=1.0).at(24_000)
    assert (len(pair.reference), len(pair.coded), pair.sample_rate) == (24_000, 24_000, 24_000)


def test_a_missing_package_is_named_with_what_installs_it() -> None:
    with pytest.raises(ConfigError, match=r"the metric needs the package nowhere_at_all.*codecd\[phones\]"):
        require("nowhere_at_all", "the metric", extra="phones")
