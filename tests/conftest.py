"""Fixtures of the whole test-suite."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support import shared_dir, voiced


@pytest.fixture
def shared() -> Path:
    """The folder of shared test data; skips (in CI: fails) where it is absent."""
    return shared_dir()


@pytest.fixture(scope="session")
def voiced_2s() -> NDArray[np.float32]:
    """Two seconds of synthetic voiced sound at 16 kHz, float32 `[sample]`, read-only."""
    signal = voiced(2.0)
    signal.setflags(write=False)
    return signal


@pytest.fixture
def single_thread() -> Iterator[None]:
    """Torch on one intra-op thread during the test, as a worker of the service runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
