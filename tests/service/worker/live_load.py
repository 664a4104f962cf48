"""Live streams that speak 80 ms at a time by a clock that tests turn, and how late they are answered."""

import random
from collections import deque
from collections.abc import Iterable, Sequence
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


class _Play:
    """Streams that speak and hear; `late` is of all messages but those of the first second."""

    def __init__(
        self, numbers: Sequence[int], jobs: Sequence[Message], cost: tuple[float, ...], *, pausing: bool
    ) -> None:
        sizes = SchedulerConfig(slots=len(numbers), max_jobs=max(1, 2 * len(jobs)))
        self.bench = Bench(sizes, cost, self.attend if pausing else None)
        self.late: list[float] = []
        self.answered = 0
        self.intended: deque[tuple[int, int]] = deque()
        self._begin_ns = self.bench.now_ns
        self._said = dict.fromkeys(numbers, 0)
        self._waiting: dict[int, list[int]] = {number: [] for number in numbers}
        self._audio = samples(_FRAME_SAMPLES * _MESSAGE_FRAMES).tobytes()
        self.bench.send(*(opened(number) for number in numbers), *jobs)
        self.refused = [message.session for _, message in self.bench.sent if message.kind is Kind.FAILED]
        self.bench.sent.clear()

    @property
    def goes_on(self) -> bool:
        """Whether more will be said, or heard."""
        return bool(self.intended) or any(self._waiting.values())

    def intend(self, moments: Iterable[tuple[float, int]]) -> None:
        """What will be said, by those who were not refused: seconds from the beginning, and by whom."""
        self.intended.extend(
            (self._begin_ns + round(at * 1e9), number) for at, number in moments if number not in self.refused
        )

    def attend(self) -> None:
        """Say what is due, and hear what was sent."""
        while self.intended and self.intended[0][0] <= self.bench.now_ns:
            at_ns, number = self.intended.popleft()
            self._waiting[number].append(at_ns)
            self.bench.send(data(number, self._audio, self._said[number]))
            self._said[number] += 1
        for _, message in self.bench.sent:
            if message.kind is Kind.DATA:
                self._take(message)
        self.bench.sent.clear()

    def wait(self) -> int:
        """Turn the clock to the next message, or to when a step that was put off may run; by how much."""
        before_ns, seconds = self.bench.now_ns, self.bench.scheduler.wait_seconds
        moments = [at_ns for at_ns, _ in islice(self.intended, 1)]
        self.bench.now_ns = min(moments + ([before_ns + round(seconds * 1e9)] if seconds else []))
        return self.bench.now_ns - before_ns

    def _take(self, message: Message) -> None:
        """An answer, which is to all messages up to its sequence."""
        waiting = self._waiting.get(message.session, [])
        while waiting and self._said[message.session] - len(waiting) <= message.sequence:
            at_ns = waiting.pop(0)
            self.answered += 1
            if at_ns - self._begin_ns > _WARM_UP_NS:
                self.late.append((self.bench.now_ns - at_ns) / 1e9)


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
    play, idle_ns = _Play(range(1, len(starts) + 1), list(jobs), cost, pausing=pausing), 0
    play.intend(_moments(starts, seconds, jitter_seconds))
    while play.goes_on:
        play.attend()
        if not play.bench.scheduler.step():
            idle_ns += play.wait()
        play.attend()
    frames = play.bench.scheduler.snapshot()["encode"]["frames"] - _MESSAGE_FRAMES * play.answered
    return Answered(play.late, idle_ns / 1e9, frames, play.refused)


def _moments(starts: list[float], seconds: float, jitter_seconds: float) -> list[tuple[float, int]]:
    """When which stream speaks, in order."""
    noise = random.Random(1)
    return sorted(
        (MESSAGE_SECONDS * turn + start + noise.random() * jitter_seconds, number)
        for turn in range(round(seconds / MESSAGE_SECONDS))
        for number, start in enumerate(starts, 1)
    )
