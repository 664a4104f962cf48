"""Where the cores go while a service is under load: what each kind of process uses, what is left idle."""

from dataclasses import astuple, dataclass

import numpy as np
import psutil

from tests.bench.processes import Census, Role
from tests.bench.running_service import RunningService
from tests.bench.scrape import Scrape, difference

_JOBS = "codec_worker_jobs_total"
_STEPS_CPU = "codec_worker_cpu_seconds_total"


@dataclass(frozen=True, slots=True)
class Look:
    """All counters at a moment: `machine` of all cores, in seconds since it started."""

    census: Census
    scrape: Scrape
    machine: dict[str, float]

    @classmethod
    def take(cls, service: RunningService) -> "Look":
        """Look at the service, and at the machine under it."""
        times = psutil.cpu_times()._asdict()
        # Time of guests is in that of users already.
        machine = {name: value for name, value in times.items() if not name.startswith("guest")}
        return cls(Census.take(service), Scrape.take(service), machine)


@dataclass(frozen=True, slots=True)
class CoreUse:
    """Milliseconds of a core for each request that was served, by what used them; they add up to all cores.

    `model`: CPU time of the worker's steps, as it tells it; `worker`: the rest of the worker's; `others`: of
    the service, such as audio decoders; `elsewhere`: of the machine, by nobody of ours.
    """

    model: float
    worker: float
    front_end: float
    others: float
    generator: float
    elsewhere: float
    idle: float

    @classmethod
    def between(cls, before: Look, after: Look, requests: int, generator_seconds: float) -> "CoreUse":
        """Of so many requests, from one look to the other."""
        used = {role: after.census.cpu_seconds_since(before.census, role) for role in Role}
        spent = {name: value - before.machine[name] for name, value in after.machine.items()}
        idle = spent["idle"] + spent.get("iowait", 0.0)
        elsewhere = sum(spent.values()) - idle - sum(used.values()) - generator_seconds
        scrapes = before.scrape, after.scrape
        # Workers tell their counters once a second: what a job took is by the jobs that they told of.
        model = difference(scrapes, _STEPS_CPU) / max(1.0, difference(scrapes, _JOBS))
        each = 1 / max(1, requests)
        seconds = (
            model, each * used[Role.WORKER] - model, each * used[Role.FRONT_END],
            each * (used[Role.SUPERVISOR] + used[Role.DECODER]), each * generator_seconds, each * elsewhere,
            each * idle,
        )  # fmt: skip
        return cls(*(1000 * value for value in seconds))

    @classmethod
    def median(cls, found: list["CoreUse"]) -> "CoreUse":
        """Of each part by itself."""
        return cls(*np.median([astuple(item) for item in found], axis=0).tolist())

    def cells(self) -> list[str]:
        """Every part, and their sum, for a table."""
        parts = astuple(self)
        return [f"{value:.2f}" for value in (*parts, sum(parts))]
