"""A real service with a bit of everything going on, for what has to be seen from outside."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from codec.audio import encode_audio
from service.client import Client, Selection
from service.config import Limits
from tests.service.supervisor.serving import Serving
from tests.service.tiny import publish_tiny
from tests.support import voiced

MESSAGE_SAMPLES = 1280
RATE_HZ = 16_000
LONGEST_SECONDS = 12.0
"""A second above the length from which requests count as bulk."""


@dataclass(frozen=True, slots=True)
class Load:
    """The addresses of a running service, and work for it."""

    url: str
    grpc_target: str
    metrics_target: str

    def metrics(self) -> str:
        """What Prometheus would get."""
        return httpx.get(f"http://{self.metrics_target}/metrics").raise_for_status().text

    def round(self) -> None:
        """Requests of every kind, well-formed and not, and a live stream both ways."""
        sounds = [voiced(seconds)[None] for seconds in (1.0, LONGEST_SECONDS - 1.0, LONGEST_SECONDS + 1.0)]
        bodies = [encode_audio(sound, RATE_HZ, "wav") for sound in sounds]
        statuses = [httpx.post(f"{self.url}/encode", content=body).status_code for body in bodies]
        statuses.append(httpx.post(f"{self.url}/decode", content=b"no token file").status_code)
        assert statuses == [200, 200, 413, 400]
        with Client(self.url, self.grpc_target) as client:
            tokens = client.encode(sounds[0], Selection(n_q=4))
            assert client.decode(tokens).n_samples == sounds[0].shape[1]
            live = (sounds[0][:, at : at + MESSAGE_SAMPLES] for at in range(0, RATE_HZ, MESSAGE_SAMPLES))
            chunks = [chunk.codes for chunk in client.stream_encode(live, Selection(n_q=4))]
            assert np.array_equal(np.concatenate(chunks, axis=1), tokens.codes)

    def talk(self, seconds: float) -> None:
        """A live stream at the pace of a call, so long."""
        with Client(self.url, self.grpc_target) as client:
            for _ in client.stream_encode(_paced(seconds), Selection(n_q=4)):
                continue


def _paced(seconds: float) -> Iterator[NDArray[np.float32]]:
    sound, began = voiced(1.0), time.monotonic()
    for number in range(round(seconds * RATE_HZ / MESSAGE_SAMPLES)):
        time.sleep(max(0.0, began + number * MESSAGE_SAMPLES / RATE_HZ - time.monotonic()))
        start = number * MESSAGE_SAMPLES % (len(sound) - MESSAGE_SAMPLES)
        yield sound[start : start + MESSAGE_SAMPLES]


@contextmanager
def serving(work: Path) -> Iterator[Load]:
    """One worker of a small model, ready, on free ports; `work`: an empty folder."""
    publish_tiny(work / "models", work)
    limits = Limits(max_audio_seconds=LONGEST_SECONDS)
    with Serving(work / "models", workers=1, limits=limits) as service:
        service.wait(service.is_ready, "readiness")
        ports = service.event("the front end listens")
        yield Load(service.url, f"127.0.0.1:{ports['grpc_port']}", f"127.0.0.1:{ports['metrics_port']}")
