"""What both clients say about models and rates, and how streams end early."""

import pytest

from proto.codec.v1 import codec_pb2 as pb
from service.client.errors import ServiceFailedError, TryAgainError
from service.client.exchange import Selection
from service.client.streams import gone, model_ref, opened_or_fail, rate_of


def test_references_and_rates() -> None:
    assert model_ref("m@1-a") == pb.ModelRef(model="m@1-a")
    assert model_ref(None) == pb.ModelRef()
    assert rate_of(Selection(n_q=3)) == pb.Rate(n_q=3)
    assert rate_of(Selection(bitrate_bps=900)) == pb.Rate(bitrate_bps=900)
    assert rate_of(Selection()) is None


def test_a_stream_that_was_cut_short_may_be_opened_again() -> None:
    error = gone()
    assert isinstance(error, TryAgainError)
    assert error.retry_after_seconds == 1.0
    with pytest.raises(ServiceFailedError):
        opened_or_fail(None)
