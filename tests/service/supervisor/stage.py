"""Versions that puppets act out, and waiting for what they do."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codec.manifest import ManifestDraft
from codec.repository import Repository, VersionPath
from service.config import ServeConfig
from service.supervisor.seat import WorkerPlan

MODULE = "tests.service.supervisor.puppet"
NO_WORKERS: dict[str, Any] = {
    "type": "routes",
    "models": [{"name": "tiny", "workers": [], "rejected": [], "channels": {"stable": ""}, "canary": None}],
    "default_model": "tiny",
    "draining": False,
    "number": 1,
}
IDS = (f"p{number}" for number in itertools.count(1))


def publish(
    repository: Repository, work: Path, behaviour: str, *, take: int = 0, channel: str = "stable"
) -> VersionPath:
    """Publish a version of `model` that behaves so; another `take` is another version."""
    folder = work / f"{behaviour}-{take}"
    folder.mkdir()
    (folder / "behaviour").write_text(behaviour)
    (folder / "take").write_text(str(take))
    draft = ManifestDraft(
        name="model", token_space="ts-puppet", sample_rate=16_000, channels=1, hop_samples=320,
        frame_rate=(50, 1), codebooks=1, codebook_size=2, causal=True, receptive_field_samples=None,
        delay_samples=0, latency_ms=20.0,
    )  # fmt: skip
    return Repository(repository.root).publish("model", folder, draft, channel)


def plan(
    version_path: Path, sockets: Path, *, version: str = "1-0123456789ab", workers: int = 1
) -> WorkerPlan:
    """A plan for puppets."""
    config = ServeConfig(repository=sockets, workers=workers)
    return WorkerPlan(config, "model", version, version_path, sockets, IDS, MODULE)


def children() -> set[str]:
    """The child processes of this one; other tests may have left some that serve all of them."""
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


async def until(condition: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait for a condition; the seconds that it took. Raises `TimeoutError`."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"did not happen within {seconds} s")
        await asyncio.sleep(0.005)
    return time.monotonic() - started
