"""Bytes of a message to checked arrays, and back."""

import numpy as np
from numpy.typing import NDArray

from service.ipc import Message, Operation, ProtocolError
from service.samples import SampleForm, unpack
from service.status import Condition, ServiceError
from service.worker.engine import Geometry
from service.worker.segment import Items


def parse(operation: Operation, message: Message, n_q: int, geometry: Geometry) -> Items:
    """Items of a JOB or DATA payload: float32 `[sample, channel]` or int64 `[frame, n_q]`.

    Raises `ServiceError` for a length that is not whole, samples that are not finite and codes out of
    range: nothing of the kind may reach the model, where it would be a fault of everybody's step.
    """
    if operation == Operation.ENCODE:
        return samples_of(message.payload, message.form, geometry.channels)
    return codes_of(message.payload, n_q, geometry.codebook_size).astype(np.int64)


def check_n_q(n_q: int, geometry: Geometry) -> None:
    """Raise `ServiceError` unless the model has this many codebooks."""
    if not 1 <= n_q <= geometry.codebooks:
        raise _invalid(f"n_q is {n_q}; this model has codebooks 1..{geometry.codebooks}")


def form_of(number: int) -> SampleForm:
    """The form of that number; raises `ProtocolError` for another, which no sound front end sends."""
    try:
        return SampleForm(number)
    except ValueError as error:
        raise ProtocolError(f"form {number} of samples") from error


def samples_of(payload: bytes | memoryview, form_number: int, channels: int) -> NDArray[np.float32]:
    """Finite samples `[sample, channel]`; raises `ServiceError` for anything else."""
    form = form_of(form_number)
    if len(payload) % (form.sample_bytes * channels):
        raise _invalid(f"{len(payload)} bytes are not whole {form.name} samples of {channels} channels")
    samples = unpack(payload, form, channels)
    if form is SampleForm.F32 and not np.isfinite(samples).all():
        raise _invalid("audio holds NaN or infinity; clean it before sending")
    return samples


def codes_of(payload: bytes | memoryview, n_q: int, codebook_size: int) -> NDArray[np.uint16]:
    """Codes `[frame, n_q]` in range; raises `ServiceError` for anything else."""
    if len(payload) % (2 * n_q):
        raise _invalid(f"{len(payload)} bytes are not whole frames of {n_q} u16 codes")
    codes = np.frombuffer(payload, "<u2").reshape(-1, n_q)
    if codes.size and int(codes.max()) >= codebook_size:
        raise _invalid(f"code {int(codes.max())} is out of range; valid: 0..{codebook_size - 1}")
    return codes


def _invalid(reason: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, reason)
