"""What a front end has given a worker to do: by that it refuses at once what the worker would later.

A worker reads between its steps, and what is large waits for that before the socket: its own refusal comes a
tenth of a second later, or seconds. It remains the judge, for it knows what other front ends have given it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from service.places import check_audio, check_deadline, check_place, order_of, seconds_ahead

_CAUTION = 1.1
"""Costs are those of a second ago, and what is taken here the worker should not have to refuse later. For the
same reason a job counts as a whole until it is answered."""
_Line = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class BacklogLimits:
    """What one worker holds at most: so many jobs, with so many seconds of audio in all of them together."""

    max_jobs: int = 64
    max_audio_seconds: float = 1800.0


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A job; times of the monotonic clock, `run_seconds`: as predicted when it came."""

    caller: str
    bulk: bool
    audio_seconds: float
    run_seconds: float
    arrived_ns: int
    deadline_ns: int

    @property
    def order_ns(self) -> int:
        """The order among jobs of its caller and class."""
        return order_of(self.arrived_ns, self.run_seconds)


class Backlog:
    """Jobs that a worker has not answered yet; `audio_seconds` of all of them."""

    def __init__(self, limits: BacklogLimits) -> None:
        self.audio_seconds = 0.0
        self._limits = limits
        self._jobs = set[Given]()
        self._run_seconds = 0.0
        self._held = Counter[_Line]()
        self._held_seconds = dict[_Line, float]()

    def check(self, job: Given) -> None:
        """Raise `ServiceError` OVERLOADED if the worker would not take the job."""
        line, bulk = (job.caller, job.bulk), job.bulk
        check_place(self._held[line], self._limits.max_jobs, len(self._jobs), bulk=bulk)
        held = self._held_seconds.get(line, 0.0)
        check_audio(held, self._limits.max_audio_seconds, self.audio_seconds, job.audio_seconds, bulk=bulk)
        left, own = (job.deadline_ns - job.arrived_ns) / 1e9, job.run_seconds
        if _CAUTION * self._run_seconds + own > left:
            ahead = seconds_ahead(job, own, self._jobs, _run_seconds)
            check_deadline(left, _CAUTION * ahead, own)

    def add(self, job: Given) -> None:
        """The worker has been given a job."""
        line = (job.caller, job.bulk)
        self._jobs.add(job)
        self._held[line] += 1
        self._held_seconds[line] = self._held_seconds.get(line, 0.0) + job.audio_seconds
        self.audio_seconds += job.audio_seconds
        self._run_seconds += job.run_seconds

    def remove(self, job: Given) -> None:
        """The worker has answered, or need not any more."""
        line = (job.caller, job.bulk)
        self._jobs.remove(job)
        self._held[line] -= 1
        self._held_seconds[line] -= job.audio_seconds
        self.audio_seconds -= job.audio_seconds
        self._run_seconds -= job.run_seconds
        # With the last job goes what rounding has left.
        if not self._held[line]:
            del self._held[line], self._held_seconds[line]
        if not self._jobs:
            self.audio_seconds = self._run_seconds = 0.0


def run_seconds(cost: Mapping[str, float], frames: float, n_q: int) -> float:
    """How long a job runs by itself, by what the worker tells of its steps (see `service.worker.stats`)."""
    per_frame = cost["step_frame_seconds"] + cost["per_frame_seconds"] + n_q * cost["per_code_seconds"]
    return cost["correction"] * (cost["fixed_seconds"] + frames * per_frame)


def _run_seconds(job: Given) -> float:
    return job.run_seconds
