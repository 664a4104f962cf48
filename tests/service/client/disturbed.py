"""A clip for the echo codec, disturbances of a service while it is streamed, and what comes back."""

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from service.client import AudioChunk, Selection, TokenChunk
from tests.service.echo_worker import HOP_SAMPLES, encode
from tests.service.frontend.harness import Service, wait_until

Samples = NDArray[np.float32]

FRAMES = 80
CLIP = np.repeat(np.random.default_rng(3).uniform(-0.9, 0.9, FRAMES), HOP_SAMPLES).astype(np.float32)
CODES = encode(CLIP, 4).T
SELECTION = Selection(n_q=4)

_PIECE = 1000
_DISTURB_AT = 12_000


class Disturbance:
    """Called in the middle of a stream: its worker is `killed`, or `replaced` by one of another version, or
    of another version and `other space`."""

    def __init__(self, service: Service, kind: str) -> None:
        self._service = service
        self._kind = kind

    def __call__(self) -> None:
        service, worker = self._service, list(self._service.workers.values())[-1]
        if self._kind == "killed":
            worker.process.kill()
            service.add_worker()
            return
        worker.draining = True
        token_space = "space-b" if self._kind == "other space" else "space-a"
        replacement = service.add_worker(version="2-bbbbbbbbbbbb", token_space=token_space)
        wait_until(lambda: service.get("/models").json()["models"][0]["version"] == "2-bbbbbbbbbbbb")
        assert replacement.process.poll() is None
        service.send({"type": "go_away", "worker": worker.id, "grace_seconds": 10})


def spoken(disturb: Callable[[], None]) -> Iterator[Samples]:
    """The clip in pieces."""
    for start in range(0, len(CLIP), _PIECE):
        if start == _DISTURB_AT:
            disturb()
        yield CLIP[start : start + _PIECE]
        time.sleep(0.005)


def codes_of(chunks: list[TokenChunk]) -> NDArray[np.uint16]:
    """All codes, which must be without a gap."""
    frame = 0
    for chunk in chunks:
        assert chunk.first_frame == frame
        frame += chunk.codes.shape[1]
    return np.concatenate([chunk.codes for chunk in chunks], axis=1)


def samples_of(chunks: list[AudioChunk]) -> Samples:
    """All samples, likewise."""
    sample = 0
    for chunk in chunks:
        assert chunk.first_sample == sample
        sample += len(chunk.samples)
    return np.concatenate([chunk.samples for chunk in chunks])
