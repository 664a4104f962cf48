"""Values land in the bucket that they do not exceed, and Prometheus gets running totals."""

import json

import pytest

from service.histogram import Buckets, Histogram


def test_a_bucket_holds_what_is_not_above_its_bound() -> None:
    histogram = Histogram((1, 2.5))
    for value in (0.5, 1, 1.5, 2.5, 3, 100):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 2]
    buckets = Buckets.from_message(json.loads(json.dumps(histogram.message())))
    assert list(buckets.pairs) == [("1.0", 2.0), ("2.5", 4.0), ("+Inf", 6.0)]
    assert buckets.total == 108.5


def test_counts_that_do_not_belong_to_the_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        Buckets.from_message({"bounds": [1], "counts": [1], "total": 1})
