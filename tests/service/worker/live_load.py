"""Live streams that speak 80 ms at a time by a clock that tests turn, and how late they are answered."""

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from service.ipc import Kind, Message
from service.worker.scheduler import SchedulerConfig
from tests.service.worker.bench import Bench, data, opened, samples

MESSAGE_SECONDS = 0.08
_FRAME_SAMPLES = 4
_MESSAGE_FRAMES = 4
_WARM_UP_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Answered:
    """`late`: seconds from each message to its answer; `idle_seconds`: no step ran; `job_frames`: frames of
    jobs that were run; `refused`: sessions that were."""

    late: list[float]
    idle_seconds: float
    job_frames: int
    refused: list[int]

    @property
    def mean(self) -> float:
        """Of the lateness of all messages."""
        return sum(self.late) / len(self.late)

    def quantile(self, share: float) -> float:
        """The lateness that this share of the messages does not exceed."""
        return sorted(self.late)[min(len(self.late) - 1, int(share * len(self.late)))]


def phases(streams: int) -> list[float]:
    """When each stream begins: anywhere in the first message."""
    return [random.Random(number).random() * MESSAGE_SECONDS for number in range(streams)]


class _Ear:
    """Pairs what streams have said with its answers; `late` is of all but the first second."""

    def __init__(self, numbers: Iterable[int], begin_ns: int) -> None:
        self.late: list[float] = []
        self.answered = 0
        self.said = dict.fromkeys(numbers, 0)
        self._waiting: dict[int, list[int]] = {number: [] for number in self.said}
        self._begin_ns = begin_ns

    @property
    def waits(self) -> bool:
        return any(self._waiting.values())

    def hear(self, number: int, at_ns: int) -> int:
        """A stream speaks; the sequence of its message."""
        self._waiting[number].append(at_ns)
        self.said[number] += 1
        return self.said[number] - 1

    def take(self, message: Message, now_ns: int) -> None:
        """An answer, which is to all messages up to its sequence."""
        waiting = self._waiting.get(message.session, [])
        while waiting and self.said[message.session] - len(waiting) <= message.sequence:
            at_ns = waiting.pop(0)
            self.answered += 1
            if at_ns - self._begin_ns > _WARM_UP_NS:
                self.late.append((now_ns - at_ns) / 1e9)


def live(
    starts: list[float],
    jobs: Iterable[Message] = (),
    seconds: float = 10.0,
    cost: tuple[float, ...] = (0.001, 0.002),
    jitter_seconds: float = 0.0,
    *,
    pausing: bool = False,
) -> Answered:
    """Play streams that begin at `starts`, beside jobs that are all there from the beginning.

    `cost`: seconds of every step, of each row and frame of it, and so on, see `costs`; `jitter_seconds`:
    by which messages are late at most; `pausing`: whether steps of jobs pause for streams.
    """
    jobs = list(jobs)

    def attend() -> None:
        hear()
        take()

    sizes = SchedulerConfig(slots=len(starts), max_jobs=max(1, 2 * len(jobs)))
    bench = Bench(sizes, cost, attend if pausing else None)
    begin_ns, audio = bench.now_ns, samples(_FRAME_SAMPLES * _MESSAGE_FRAMES).tobytes()
    ear, idle_ns = _Ear(range(1, len(starts) + 1), begin_ns), 0
    bench.send(*(opened(number) for number in ear.said), *jobs)
    refused = [message.session for _, message in bench.sent if message.kind is Kind.FAILED]
    intended = deque(
        (begin_ns + round(at * 1e9), number)
        for at, number in _moments(starts, seconds, jitter_seconds)
        if number not in refused
    )

    def hear() -> None:
        while intended and intended[0][0] <= bench.now_ns:
            at_ns, number = intended.popleft()
            bench.send(data(number, audio, ear.hear(number, at_ns)))

    def take() -> None:
        for _, message in bench.sent:
            if message.kind is Kind.DATA:
                ear.take(message, bench.now_ns)
        bench.sent.clear()

    bench.sent.clear()
    while intended or ear.waits:
        hear()
        if not bench.scheduler.step():
            before_ns, bench.now_ns = bench.now_ns, _next_moment(bench, [at for at, _ in islice(intended, 1)])
            idle_ns += bench.now_ns - before_ns
        take()
    frames = bench.scheduler.snapshot()["encode"]["frames"] - _MESSAGE_FRAMES * ear.answered
    return Answered(ear.late, idle_ns / 1e9, frames, refused)


def _moments(starts: list[float], seconds: float, jitter_seconds: float) -> list[tuple[float, int]]:
    """When which stream speaks, in order."""
    noise = random.Random(1)
    return sorted(
        (MESSAGE_SECONDS * turn + start + noise.random() * jitter_seconds, number)
        for turn in range(round(seconds / MESSAGE_SECONDS))
        for number, start in enumerate(starts, 1)
    )


def _next_moment(bench: Bench, intended: list[int]) -> int:
    """When the next message comes, or when a step that was put off may run."""
    wait_seconds = bench.scheduler.wait_seconds
    return min(intended + ([bench.now_ns + round(wait_seconds * 1e9)] if wait_seconds else []))
