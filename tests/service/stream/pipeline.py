"""`codecd stream` in processes of its own, as a shell starts it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.client.sources import Samples
from tests.service.echo_worker import DELAY_SAMPLES, HOP_SAMPLES, decode, encode, frames_of
from tests.service.frontend.harness import Service
from tests.support import REPOSITORY_ROOT

PATIENCE_SECONDS = 90
FRAMES = 50
LEVELS = np.random.default_rng(5).uniform(-0.9, 0.9, FRAMES)
CLIP: Samples = (np.rint(np.repeat(LEVELS, HOP_SAMPLES)[:-100] * 32768) / 32768).astype(np.float32)
"""Constant in every frame, and exact in 16 bits."""
HEARD = decode(encode(np.pad(CLIP, (0, frames_of(len(CLIP)) * HOP_SAMPLES - len(CLIP))), 1))
HEARD = HEARD[DELAY_SAMPLES : DELAY_SAMPLES + len(CLIP)]
"""What the echo codec, which does not make up for its delay, gives back of it."""
PCM = (CLIP * 32768).astype("<i2").tobytes()


def codes(n_q: int) -> NDArray[np.uint16]:
    """What the echo codec makes of the whole frames of the clip, `[codebook, frame]`."""
    return encode(CLIP, n_q).T


@contextmanager
def start(service: Service, *arguments: str, **options: Any) -> Iterator[Any]:
    """A running command that has ended afterwards; its standard streams are pipes or what `options` say."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "codec.cli", "stream", *arguments, "--server", service.grpc_target]
    with subprocess.Popen(command, cwd=REPOSITORY_ROOT, **(pipes | options)) as process:
        try:
            yield process
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


def run(
    service: Service, *arguments: str, given: bytes = b"", status: int = 0, **options: Any
) -> tuple[bytes, str]:
    """What a command that ends with `status` writes to its output, and to standard error."""
    with start(service, *arguments, **options) as process:
        out, errors = process.communicate(given, PATIENCE_SECONDS)
    assert process.returncode == status, errors.decode()
    return out, errors.decode()
