"""Clients whose streams go on over lost workers and replaced versions, against a whole real service."""

import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from codec.repository import VersionPath
from service.client import AsyncClient, Client, Selection
from tests.service.client.disturbed import codes_of, samples_of
from tests.service.supervisor.serving import Serving
from tests.service.tiny import offline, publish_tiny
from tests.support import free_ports, voiced

# A worker takes long to load its model on a busy machine.
pytestmark = pytest.mark.timeout(600)

_N_Q = 6
_CLIP = voiced(4.0, seed=5)[:63_901]
_PIECE = 1280
_SELECTION = Selection(n_q=_N_Q)
_RESUME_SECONDS = 300.0


@dataclass(frozen=True)
class Place:
    """A whole service with a tiny model."""

    service: Serving
    work: Path
    version: VersionPath

    @property
    def targets(self) -> tuple[str, str]:
        """Where it listens."""
        return self.service.url, f"127.0.0.1:{self.service.event('the front end listens')['grpc_port']}"

    def kill_worker(self) -> None:
        """Kill the worker that serves; another one is started."""
        started = [line for line in self.service.log if line["message"] == "started"]
        os.kill([line["pid"] for line in started if line["child"] != "frontend"][-1], signal.SIGKILL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    work = tmp_path_factory.mktemp("resuming")
    version = publish_tiny(work / "models", work)
    models = work / "models"
    with Serving(
        models, workers=1, channel_poll_seconds=0.1, drain_seconds=1.0, grace_seconds=3.0
    ) as service:
        service.wait(service.is_ready, "readiness")
        yield Place(service, work, version)


def _pieces(disturb: Callable[[], None]) -> Iterator[NDArray[np.float32]]:
    """The clip in pieces, and a disturbance in its middle."""
    for start in range(0, len(_CLIP), _PIECE):
        if start // _PIECE == 25:
            disturb()
        yield _CLIP[start : start + _PIECE]
        time.sleep(0.01)


def test_a_killed_worker_costs_no_code_and_no_sample(place: Place) -> None:
    _, expected = offline(place.version, _CLIP, _N_Q)
    with Client(*place.targets) as client:
        pieces = _pieces(place.kill_worker)
        heard = list(client.stream_reconstruct(pieces, _SELECTION, resume_seconds=_RESUME_SECONDS))
    samples = samples_of(heard)
    assert len(samples) == len(_CLIP)
    assert np.abs(samples - expected).max() < 1e-5


def test_a_service_that_is_started_again_costs_no_code(place: Place) -> None:
    """The whole service is killed in the middle of a stream; another one starts on its ports."""
    codes, _ = offline(place.version, _CLIP, _N_Q)
    http_port, grpc_port = free_ports(2)
    targets = f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}"
    with ExitStack() as stack:

        def start() -> Serving:
            models = place.work / "models"
            return stack.enter_context(Serving(models, workers=1, http_port=http_port, grpc_port=grpc_port))

        first = start()
        first.wait(first.is_ready, "readiness")

        def restart() -> None:
            for pid in (first.process.pid, *first.pids()):
                os.kill(pid, signal.SIGKILL)
            start()

        client = stack.enter_context(Client(*targets))
        chunks = list(client.stream_encode(_pieces(restart), _SELECTION, resume_seconds=_RESUME_SECONDS))
    assert np.array_equal(codes_of(chunks), codes)


@pytest.mark.slow
async def test_a_killed_worker_costs_an_event_loop_no_code(place: Place) -> None:
    codes, _ = offline(place.version, _CLIP, _N_Q)

    async def spoken() -> AsyncIterator[NDArray[np.float32]]:
        for piece in _pieces(place.kill_worker):
            yield piece

    async with AsyncClient(*place.targets) as client:
        encoding = client.stream_encode(spoken(), _SELECTION, resume_seconds=_RESUME_SECONDS)
        assert np.array_equal(codes_of([chunk async for chunk in encoding]), codes)


@pytest.mark.slow
def test_a_replaced_version_hands_the_stream_to_the_next_of_its_token_space(place: Place) -> None:
    """The new version is the same model under a new number, so its codes can be compared."""
    codes, _ = offline(place.version, _CLIP, _N_Q)
    replaced: list[VersionPath] = []

    def replace() -> None:
        (place.work / "again").mkdir()
        replaced.append(publish_tiny(place.work / "models", place.work / "again"))
        place.service.event("version serving", version=replaced[0].version)

    def slowly() -> Iterator[NDArray[np.float32]]:
        for piece in _pieces(replace):
            yield piece
            if replaced:
                time.sleep(0.1)

    with Client(*place.targets) as client:
        chunks = list(client.stream_encode(slowly(), _SELECTION, resume_seconds=_RESUME_SECONDS))
    assert np.array_equal(codes_of(chunks), codes)
    assert chunks[0].identity.version == place.version.version
    assert chunks[-1].identity.version == replaced[0].version
