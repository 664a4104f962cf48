"""Codebooks by number and by bitrate."""

import pytest

from service.frontend.rate import Rate, resolve_n_q
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)


@pytest.mark.parametrize(
    ("rate", "n_q"),
    [
        (Rate(), 8),
        (Rate(n_q=1), 1),
        (Rate(n_q=32), 32),
        (Rate(bitrate_bps=500), 1),
        (Rate(bitrate_bps=999), 1),
        (Rate(bitrate_bps=16_000), 32),
        (Rate(bitrate_bps=10**9), 32),
    ],
)
def test_a_rate_gives_a_number_of_codebooks(rate: Rate, n_q: int) -> None:
    assert resolve_n_q(rate, _INFO) == n_q


@pytest.mark.parametrize("rate", [Rate(0), Rate(33), Rate(None, 0), Rate(None, 499), Rate(1, 500)])
def test_a_rate_that_the_model_has_not_is_refused(rate: Rate) -> None:
    with pytest.raises(ServiceError) as caught:
        resolve_n_q(rate, _INFO)
    assert caught.value.condition is Condition.INVALID_ARGUMENT
