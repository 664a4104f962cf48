"""Bytes become arrays only when they are whole, finite and in range."""

import numpy as np
import pytest

from service.ipc import Kind, Message, Operation, ProtocolError
from service.samples import SampleForm
from service.status import Condition, ServiceError
from service.worker import payload
from service.worker.engine import Geometry

STEREO = Geometry(
    sample_rate=16_000, channels=2, hop_samples=320, delay_samples=352, codebooks=4, codebook_size=16
)


def parse(
    operation: Operation, data: bytes, n_q: int = 2, form: int = SampleForm.F32
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return payload.parse(operation, Message(Kind.DATA, payload=data, form=form), n_q, STEREO)


def test_samples_are_interleaved_float32() -> None:
    samples = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert np.array_equal(parse(Operation.ENCODE, samples.tobytes()), samples)


def test_samples_of_16_bits_have_full_scale_at_1() -> None:
    samples = np.array([[-32768, 16384], [1, 0]], np.int16)
    parsed = parse(Operation.ENCODE, samples.tobytes(), form=SampleForm.S16)
    assert parsed.dtype == np.float32
    assert np.array_equal(parsed, samples / 32768)
    with pytest.raises(ServiceError, match="whole S16"):
        parse(Operation.ENCODE, b"12", form=SampleForm.S16)


def test_a_form_that_does_not_exist_is_no_message() -> None:
    with pytest.raises(ProtocolError, match="form 9"):
        parse(Operation.ENCODE, bytes(8), form=9)


def test_codes_are_u16_by_frame() -> None:
    codes = np.array([[1, 2], [3, 15]], np.uint16)
    parsed = parse(Operation.DECODE, codes.tobytes())
    assert np.array_equal(parsed, codes)
    assert parsed.dtype == np.int64


@pytest.mark.parametrize(
    ("operation", "data", "reason"),
    [
        (Operation.ENCODE, b"1234", "whole F32"),
        (Operation.ENCODE, np.array([0, np.nan], np.float32).tobytes(), "NaN"),
        (Operation.ENCODE, np.array([0, -np.inf], np.float32).tobytes(), "infinity"),
        (Operation.DECODE, b"123", "whole frames"),
        (Operation.DECODE, b"12", "whole frames"),
        (Operation.DECODE, np.array([3, 16], np.uint16).tobytes(), "out of range; valid: 0..15"),
    ],
)
def test_anything_else_is_an_invalid_argument(operation: Operation, data: bytes, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason) as caught:
        parse(operation, data)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


@pytest.mark.parametrize(("n_q", "valid"), [(0, False), (1, True), (4, True), (5, False)])
def test_n_q_is_checked_against_the_codebooks(n_q: int, valid: bool) -> None:
    if valid:
        payload.check_n_q(n_q, STEREO)
    else:
        with pytest.raises(ServiceError, match=r"codebooks 1\.\.4"):
            payload.check_n_q(n_q, STEREO)
