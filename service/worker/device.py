"""Where the model of a worker runs, and how exactly it computes there.

`python -m service.worker.device` prints what CUDA devices there are, as JSON.
"""

import json
from dataclasses import dataclass
from typing import Any

import torch

from codec.errors import CodecError
from service.config import Batching, DecodeDtype
from service.ipc import Operation

# Type checkers do not know all that it has.
_CUDNN: Any = torch.backends.cudnn


class DeviceError(CodecError):
    """A device that this machine, or this build of torch, does not have."""


@dataclass(frozen=True, slots=True)
class Placement:
    """`device`: `cpu` or `cuda:N`. `batching`: whether every step has one shape (`fixed`), so that codes
    cannot depend on who else is there, or the width that it needs (`compact`).

    `auto` encodes in the one and decodes in the other way, but on the CPU, where codes do not depend on the
    shape, steps are not padded at all. `decode_dtype`: of the decoder's weights and stream state; what comes
    out is float32, and so is all encoding, for codes are decisions.
    """

    device: str = "cpu"
    batching: Batching = "auto"
    decode_dtype: DecodeDtype = "float32"

    def is_fixed(self, operation: Operation) -> bool:
        """Whether all steps of the operation have one shape."""
        if self.batching == "auto":
            return self.device != "cpu" and operation == Operation.ENCODE
        return self.batching == "fixed"

    @property
    def is_padded(self) -> bool:
        """Whether steps are padded to shapes that are known beforehand."""
        return self.device != "cpu" or self.batching == "fixed"


def open_device(name: str) -> torch.device:
    """The device, set to compute in float32 throughout and the same way every time.

    Raises `DeviceError` if it is not there.
    """
    device = torch.device(name)
    if device.type == "cpu":
        return device
    devices = cuda_devices()
    if name not in devices:
        reason = reason_without_cuda() or f"there is {', '.join(devices)}"
        raise DeviceError(f"there is no {name}: {reason}")
    torch.cuda.set_device(device)
    compute_exactly()
    return device


def compute_exactly() -> None:
    """Make CUDA compute float32 in float32, and the same way in every process."""
    # TF32 keeps 10 bits of a float32 product: codes near a tie would fall otherwise. Convolutions use it by
    # default, and what is set for all kinds of work at once does not reach them (pytorch #179445).
    for work in (torch.backends.cuda.matmul, _CUDNN.conv, _CUDNN.rnn):
        work.fp32_precision = "ieee"
    # Sums of bfloat16 products stay float32 where a product is cut into parts.
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    # The search for the fastest convolution may end differently in every process.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def cuda_devices() -> list[str]:
    """The CUDA devices by name."""
    return (
        [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )


def reason_without_cuda() -> str:
    """Why no CUDA device can be used; empty if one can."""
    if torch.version.cuda is None and torch.version.hip is None:
        return f"torch {torch.__version__} is a build for the CPU only; install one for CUDA"
    if not torch.cuda.is_available():
        return "torch finds no CUDA device; check the driver with nvidia-smi, and CUDA_VISIBLE_DEVICES"
    return ""


def check_answers(device: torch.device) -> None:
    """End the process if the device no longer works: no call to it would ever succeed again.

    The supervisor starts another one.
    """
    if device.type == "cpu":
        return
    try:
        torch.cuda.synchronize(device)
    except RuntimeError as error:
        raise SystemExit(f"{device} no longer answers: {error}") from error


if __name__ == "__main__":
    print(json.dumps({"devices": cuda_devices(), "reason": reason_without_cuda()}))
