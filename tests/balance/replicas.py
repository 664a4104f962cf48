"""Several replicas of the service, as one behind a load balancer sees them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.balance.balancers import REPLICAS, Balancer
from tests.bench.running_service import RunningService, Stopped

LAG_SECONDS = 4.0
"""Longer than two of the balancer's probes, on a machine that has other things to do."""

_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Restart:
    """How a replica went, and how long it took until it was served from again."""

    stopped: Stopped
    ready_seconds: float


def unstarted(repository: Path, model: str, *options: str) -> list[RunningService]:
    """Three services of one worker each, with ports but not yet launched."""
    leaving = ("--lag-seconds", f"{LAG_SECONDS:g}", *options)
    return [RunningService(repository, model, 1, *leaving) for _ in range(REPLICAS)]


@contextmanager
def replicas(repository: Path, model: str, *options: str) -> Iterator[list[RunningService]]:
    """Three services of one worker each, ready; ended on exit."""
    services = unstarted(repository, model, *options)
    with ExitStack() as stack:
        for service in services:
            stack.callback(service.close)
            service.launch()
        for service in services:
            service.wait_until_complete()
        yield services


def restart(service: RunningService) -> Restart:
    """SIGTERM, and up again on the same ports."""
    stopped = service.stop(_PATIENCE_SECONDS)
    service.launch()
    return Restart(stopped, service.wait_until_complete())


def wait_until_balanced(balancer: Balancer) -> None:
    """Wait until all replicas get work again. Raises `TimeoutError`."""
    began = time.monotonic()
    while balancer.ready() < REPLICAS:
        if time.monotonic() - began > _PATIENCE_SECONDS:
            raise TimeoutError("the balancer does not find its replicas")
        time.sleep(0.1)
