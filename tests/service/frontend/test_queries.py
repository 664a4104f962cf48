"""Query strings."""

import pytest

from service.frontend.queries import decode_query, encode_query
from service.frontend.rate import Rate
from service.frontend.selector import ModelSelector
from service.status import Condition, ServiceError


def test_queries_are_read() -> None:
    query = encode_query(b"model=m%40canary&n_q=12&format=npy")
    assert query.selector == ModelSelector("m", channel="canary")
    assert (query.rate, query.format) == (Rate(n_q=12), "npy")
    assert decode_query(b"").format == "wav"
    assert decode_query(b"format=flac").format == "flac"


@pytest.mark.parametrize("query", [b"n_q=", b"n_q=+3", b"n_q=3.0", b"n_q=%D9%A3", b"format=", b"x", b"x=1"])
def test_what_cannot_be_read_is_refused(query: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        encode_query(query)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_a_query_that_nobody_needs_is_not_kept() -> None:
    with pytest.raises(ServiceError, match="longer than"):
        encode_query(b"model=" + b"x" * 2000)
