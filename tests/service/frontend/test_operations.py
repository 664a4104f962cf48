"""Checks of wire codes; the operations themselves are tested over sockets in `test_rest`."""

import numpy as np
import pytest

from service.frontend.operations import check_codes, check_size
from service.ipc import MAX_PAYLOAD_BYTES
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)


def _wire(*codes: int) -> bytes:
    return np.array(codes, "<u2").tobytes()


def test_frames_are_counted() -> None:
    assert check_codes(_wire(0, 1023, 5, 6), 2, _INFO) == 2
    assert check_codes(b"", 2, _INFO) == 0


@pytest.mark.parametrize(
    ("codes", "n_q", "says"),
    [
        (_wire(1, 2, 3), 2, "whole frames"),
        (b"\1", 1, "whole frames"),
        (_wire(0, 1024), 1, "0..1023"),
        (_wire(0, 65_535), 2, "65535"),
        (_wire(1), 0, "1..32"),
        (bytes(66), 33, "1..32"),
    ],
)
def test_what_cannot_be_codes_is_refused(codes: bytes, n_q: int, says: str) -> None:
    with pytest.raises(ServiceError, match=says) as caught:
        check_codes(codes, n_q, _INFO)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_what_no_message_can_hold_is_refused_before_it_is_sent() -> None:
    stereo = ModelInfo("m", "1-a", "s", 48_000, 2, 320, 0, 16, 1024, streamable=False, slots=0)
    ten_minutes = 600 * 48_000
    check_size(8 * ten_minutes + 1000, ten_minutes, stereo)
    for payload_bytes, n_samples in ((MAX_PAYLOAD_BYTES, 1), (1000, MAX_PAYLOAD_BYTES // 8)):
        with pytest.raises(ServiceError, match="in parts") as caught:
            check_size(payload_bytes, n_samples, stereo)
        assert caught.value.condition is Condition.LIMIT_EXCEEDED
