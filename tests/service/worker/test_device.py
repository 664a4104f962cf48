"""A device is there or the reason is told; what each policy means for each direction."""

import json
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from service.config import Batching
from service.ipc import Operation
from service.worker.device import DeviceError, Placement, check_answers, open_device


def test_the_cpu_is_always_there() -> None:
    assert open_device("cpu") == torch.device("cpu")
    check_answers(torch.device("cpu"))


def test_a_device_that_is_not_there_is_refused_with_the_reason() -> None:
    with pytest.raises(DeviceError, match="there is no cuda:99: ") as caught:
        open_device("cuda:99")
    if not torch.cuda.is_available():
        assert "a build for the CPU only" in str(caught.value) or "nvidia-smi" in str(caught.value)


@pytest.mark.parametrize(
    ("device", "batching", "encode", "decode", "padded"),
    [
        ("cpu", "auto", False, False, False),
        ("cpu", "compact", False, False, False),
        ("cpu", "fixed", True, True, True),
        ("cuda:0", "auto", True, False, True),
        ("cuda:0", "compact", False, False, True),
        ("cuda:0", "fixed", True, True, True),
    ],
)
def test_what_is_fixed_where(
    device: str, batching: Batching, encode: bool, decode: bool, padded: bool
) -> None:
    placement = Placement(device, batching)
    assert placement.is_fixed(Operation.ENCODE) is encode
    assert placement.is_fixed(Operation.DECODE) is decode
    assert placement.is_padded is padded


def test_the_probe_tells_the_devices_or_why_there_are_none() -> None:
    command = [sys.executable, "-m", "service.worker.device"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
    assert bool(told["devices"]) is torch.cuda.is_available()
    assert bool(told["reason"]) is not torch.cuda.is_available()


def test_no_kind_of_float32_work_is_left_at_less() -> None:
    """The settings are there without a device, too; they are those of a process, so it has one of its own."""
    program = (
        "import torch; from service.worker.device import compute_exactly; "
        "kinds = torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn; "
        "told = lambda: [kind.fp32_precision for kind in kinds]; "
        "assert 'tf32' in told(); compute_exactly(); assert told() == ['ieee'] * 3; "
        "assert not torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction; "
        "assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_computes_in_float32() -> None:
    assert open_device("cuda:0") == torch.device("cuda", 0)
    a, b = torch.rand(256, 256), torch.rand(256, 256)
    exact = (a.double() @ b.double()).float()
    assert torch.allclose((a.cuda() @ b.cuda()).cpu(), exact, rtol=1e-5)
    x, weight = torch.rand(2, 64, 500), torch.rand(64, 64, 7)
    exact = functional.conv1d(x.double(), weight.double()).float()
    assert torch.allclose(functional.conv1d(x.cuda(), weight.cuda()).cpu(), exact, rtol=1e-5)
