"""Both sides of a tensor hold the same after a copy; on the CPU there is one side."""

import numpy as np
import pytest
import torch

from service.worker.mirror import Copies, Mirror

DEVICES = [
    "cpu",
    pytest.param(
        "cuda:0", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
    ),
]


@pytest.mark.parametrize("name", DEVICES)
def test_what_is_sent_can_be_computed_with_and_fetched(name: str) -> None:
    device = torch.device(name)
    given, made, copies = (
        Mirror((2, 3), torch.float32, device), Mirror((2, 3), torch.float32, device), Copies(device)
    )  # fmt: skip
    for value in (1.0, 2.0):
        given.array[:] = value
        copies.send(given)
        made.tensor.copy_(given.tensor * 10)
        copies.fetch(made)
        assert np.array_equal(made.array, np.full((2, 3), 10 * value, np.float32))
    assert given.host.is_pinned() is (device.type == "cuda")
    assert (given.host is given.tensor) is (device.type == "cpu")
