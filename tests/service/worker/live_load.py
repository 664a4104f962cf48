"""Live streams that speak 80 ms at a time by a clock that tests turn, and how late they are answered."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

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


def live(
    starts: list[float],
    jobs: Iterable[Message] = (),
    seconds: float = 10.0,
    cost: tuple[float, float] = (0.001, 0.002),
    jitter_seconds: float = 0.0,
) -> Answered:
    """Play streams that begin at `starts`, beside jobs that are all there from the beginning.

    `cost`: seconds of every step, and of each row and frame of it; `jitter_seconds`: by which messages are
    late at most.
    """
    jobs = list(jobs)
    bench = Bench(SchedulerConfig(slots=len(starts), max_jobs=max(1, 2 * len(jobs))), cost)
    begin_ns, audio = bench.now_ns, samples(_FRAME_SAMPLES * _MESSAGE_FRAMES).tobytes()
    numbers = range(1, len(starts) + 1)
    bench.send(*(opened(number) for number in numbers), *jobs)
    refused = [message.session for _, message in bench.sent if message.kind is Kind.FAILED]
    noise = random.Random(1)
    intended = sorted(
        (begin_ns + round((MESSAGE_SECONDS * turn + start + noise.random() * jitter_seconds) * 1e9), number)
        for turn in range(round(seconds / MESSAGE_SECONDS))
        for number, start in zip(numbers, starts, strict=True)
        if number not in refused
    )
    late, idle_ns, answered = [], 0, 0
    said = dict.fromkeys(numbers, 0)
    waiting: dict[int, list[int]] = {number: [] for number in numbers}
    next_message = 0
    while next_message < len(intended) or any(waiting.values()):
        while next_message < len(intended) and intended[next_message][0] <= bench.now_ns:
            at_ns, number = intended[next_message]
            next_message += 1
            waiting[number].append(at_ns)
            bench.send(data(number, audio, said[number]))
            said[number] += 1
        bench.sent.clear()
        if not bench.scheduler.step():
            before_ns = bench.now_ns
            bench.now_ns = _next_moment(bench, [at for at, _ in intended[next_message : next_message + 1]])
            idle_ns += bench.now_ns - before_ns
        for _, message in bench.sent:
            while message.session in waiting and message.kind is Kind.DATA and waiting[message.session]:
                if said[message.session] - len(waiting[message.session]) > message.sequence:
                    break
                at_ns = waiting[message.session].pop(0)
                answered += 1
                if at_ns - begin_ns > _WARM_UP_NS:
                    late.append((bench.now_ns - at_ns) / 1e9)
    live_frames = _MESSAGE_FRAMES * answered
    frames = bench.scheduler.snapshot()["encode"]["frames"]
    return Answered(late, idle_ns / 1e9, frames - live_frames, refused)


def _next_moment(bench: Bench, intended: list[int]) -> int:
    """When the next message comes, or when a step that was put off may run."""
    again = [bench.now_ns + round(bench.scheduler.wait_seconds * 1e9)] if bench.scheduler.wait_seconds else []
    return min(intended + again)
