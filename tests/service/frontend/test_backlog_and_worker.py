"""What a front end takes by its own account the worker takes too, and as much is done; simulated."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest

from service.frontend.backlog import Backlog, BacklogLimits, Given
from service.ipc import Kind, Message, Operation
from service.status import Condition, ServiceError
from service.worker.admission import QueueLimits
from service.worker.scheduler import SchedulerConfig
from tests.service.worker.bench import Bench, encode_job, samples
from tests.service.worker.oracle import GEOMETRY

SECONDS = 60.0
COST = (0.001, 0.002)
MAX_JOBS = 16
MAX_AUDIO_SECONDS = 40.0


@dataclass(frozen=True)
class Arrival:
    """A request of a caller at a time."""

    at: float
    frames: int
    deadline: float
    caller: int
    bulk: bool


@dataclass
class Outcome:
    """Audio of requests that were done, how many requests each side refused, and how many came too late."""

    done_frames: int = 0
    refused_here: int = 0
    refused_by_worker: int = 0
    too_late: int = 0


def arrivals(deadline: float, load: float) -> list[Arrival]:
    """Requests at random times, of 1 to 8 s of audio, that are `load` times what can be done."""
    rng = np.random.default_rng(3)
    made, at = list[Arrival](), 0.0
    while at < SECONDS:
        frames = int(rng.integers(50, 400))
        at += rng.exponential(frames * COST[1] / load)
        made.append(Arrival(at, frames, deadline, int(rng.integers(3)), bool(rng.random() < 0.2)))
    return made


def play(requests: list[Arrival], *, accounts: bool) -> Outcome:
    """Let a front end, which keeps account or does not, give requests to a worker that is at work."""
    queue = QueueLimits(max_queued_audio_seconds=MAX_AUDIO_SECONDS)
    bench = Bench(SchedulerConfig(slots=1, max_jobs=MAX_JOBS, queue=queue), COST)
    backlog, given = Backlog(BacklogLimits(MAX_JOBS, MAX_AUDIO_SECONDS)), dict[int, Given]()
    outcome, begin_ns, coming = Outcome(), bench.now_ns, deque(enumerate(requests, 1))
    while coming or given:
        while coming and begin_ns + round(coming[0][1].at * 1e9) <= bench.now_ns:
            number, request = coming.popleft()
            place = _place(request, begin_ns)
            if accounts:
                try:
                    backlog.check(place)
                except ServiceError:
                    outcome.refused_here += 1
                    continue
            backlog.add(place)
            given[number] = place
            bench.send(_message(number, request, place.deadline_ns))
        if not bench.scheduler.step() and coming:
            bench.now_ns = max(bench.now_ns, begin_ns + round(coming[0][1].at * 1e9))
        for _, message in bench.sent:
            backlog.remove(given.pop(message.session))
            if message.kind is Kind.RESULT:
                outcome.done_frames += requests[message.session - 1].frames
            elif message.value == Condition.OVERLOADED:
                outcome.refused_by_worker += 1
            else:
                outcome.too_late += 1
        bench.sent.clear()
    return outcome


def _place(request: Arrival, begin_ns: int) -> Given:
    arrived_ns = begin_ns + round(request.at * 1e9)
    audio, run = request.frames * GEOMETRY.frame_seconds, COST[0] + request.frames * COST[1]
    deadline_ns = arrived_ns + round(request.deadline * 1e9)
    return Given(str(request.caller), request.bulk, audio, run, arrived_ns, deadline_ns)


def _message(number: int, request: Arrival, deadline_ns: int) -> Message:
    audio = samples(request.frames * GEOMETRY.hop_samples)
    message = encode_job(number, audio, deadline_ns=deadline_ns)
    kind = Kind.BULK if request.bulk else Kind.JOB
    return message._replace(kind=kind, operation=Operation.ENCODE, sequence=request.caller)


@pytest.mark.parametrize("deadline", [0.8, 1.5, 4.0, 1000.0])
def test_twice_as_much_as_can_be_done(deadline: float) -> None:
    requests = arrivals(deadline, 2.0)
    judged_late, judged_here = play(requests, accounts=False), play(requests, accounts=True)
    assert judged_late.refused_by_worker > 90
    assert judged_here.refused_here > 100
    assert judged_here.refused_by_worker <= 0.02 * judged_here.refused_here
    assert judged_here.done_frames > 0.97 * judged_late.done_frames


def test_less_than_can_be_done() -> None:
    requests = arrivals(10.0, 0.5)
    outcome = play(requests, accounts=True)
    assert outcome.done_frames > 0.98 * sum(request.frames for request in requests)
