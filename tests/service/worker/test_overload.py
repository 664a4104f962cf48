"""A worker whose steps take longer than calibrated keeps the streams that it has and refuses the others."""

import pytest

from service.ipc import Kind
from service.status import Condition
from service.worker.scheduler import Scheduler, SchedulerConfig
from tests.service.worker.bench import Bench, conditions, data, encode_job, opened, samples
from tests.service.worker.oracle import GEOMETRY, costs

AUDIO = samples(16).tobytes()
COST = (0.001, 0.00025)
"""A millisecond a step and a millisecond a message: 36 streams are the capacity."""


class Overload:
    """Streams of a worker on a machine that is slower than when it was calibrated."""

    def __init__(self) -> None:
        self.bench = Bench(SchedulerConfig(slots=64, max_jobs=64), COST)
        self.sessions: dict[int, int] = {}
        self.due: list[tuple[int, int]] = []
        self.waiting: dict[int, list[int]] = {}
        self.late: list[tuple[int, float]] = []

    def calibrate(self, fixed: float, per_frame: float) -> None:
        """Start again, with a worker that was told steps take so long."""
        bench, config = self.bench, SchedulerConfig(slots=64, max_jobs=64)
        terms = costs(fixed, per_frame)
        bench.scheduler = Scheduler(
            GEOMETRY, bench.engine, terms, bench.emit, config, None, bench.clock, bench.clock
        )

    def slow_down(self, factor: float) -> None:
        """From now on steps take so many times as long."""
        self.bench.cost = {
            operation: type(cost)(factor * COST[0], factor * COST[1], 0.0)
            for operation, cost in self.bench.cost.items()
        }

    def open(self, number: int) -> Condition | None:
        """Ask for a stream that then speaks; what it was refused for."""
        self.bench.sent.clear()
        self.bench.send(opened(number))
        refused = conditions([message for _, message in self.bench.sent])
        if refused:
            return refused[0]
        self.sessions[number], self.waiting[number] = 0, []
        self.due.append((self.bench.now_ns, number))
        return None

    def play(self, seconds: float) -> None:
        """Let all speak for so long."""
        bench = self.bench
        end_ns = bench.now_ns + round(seconds * 1e9)
        while bench.now_ns < end_ns:
            self.due.sort()
            while self.due and self.due[0][0] <= bench.now_ns:
                at_ns, number = self.due.pop(0)
                self.waiting[number].append(at_ns)
                bench.send(data(number, AUDIO, self.sessions[number]))
                self.sessions[number] += 1
                self.due.append((at_ns + 80_000_000, number))
                self.due.sort()
            bench.sent.clear()
            if not bench.scheduler.step():
                bench.now_ns = min([at for at, _ in self.due] or [end_ns])
            for _, message in bench.sent:
                if message.kind is Kind.DATA:
                    self._answered(message.session, message.sequence)

    def _answered(self, number: int, sequence: int) -> None:
        while self.sessions[number] - len(self.waiting[number]) <= sequence and self.waiting[number]:
            at_ns = self.waiting[number].pop(0)
            self.late.append((at_ns, (self.bench.now_ns - at_ns) / 1e9))

    def worst(self, since_ns: int) -> float:
        """The greatest lateness of what was said from then on."""
        return max(late for at_ns, late in self.late if at_ns >= since_ns)


@pytest.mark.parametrize("factor", [2.0, 6.0])
def test_no_more_are_admitted_than_a_slower_machine_serves(factor: float) -> None:
    overload = Overload()
    overload.slow_down(factor)
    refused = []
    for number in range(1, 64):
        refused.append(overload.open(number))
        overload.play(0.23)
    admitted = refused.count(None)
    assert 0.3 * 36 / factor <= admitted < 36 / factor + 3
    assert set(refused) == {None, Condition.OVERLOADED}
    since_ns = overload.bench.now_ns
    overload.play(3.0)
    assert overload.worst(since_ns) < 0.08


def test_a_machine_that_becomes_slow_refuses_streams_has_bulk_wait_and_lets_late_ones_catch_up() -> None:
    overload = Overload()
    for number in range(1, 25):
        assert overload.open(number) is None
        overload.play(0.013)
    overload.play(1.0)
    overload.slow_down(8.0)
    overload.play(3.0)
    assert overload.open(90) is Condition.OVERLOADED
    overload.bench.sent.clear()
    overload.bench.send(encode_job(99, samples(400))._replace(kind=Kind.BULK))
    assert conditions([message for _, message in overload.bench.sent]) == []
    overload.slow_down(1.0)
    overload.play(1.0)
    since_ns = overload.bench.now_ns
    overload.play(3.0)
    assert overload.worst(since_ns) < 0.05
    assert overload.open(91) is None


def test_streams_that_were_held_up_are_caught_up_with_before_jobs_run() -> None:
    """A stop of a second and a half makes nobody look as if it were ahead of real time."""
    overload = Overload()
    for number in range(1, 11):
        assert overload.open(number) is None
        overload.play(0.008)
    overload.play(1.0)
    overload.bench.send(*(encode_job(100 + n, samples(4 * 500, n)) for n in range(20)))
    since_ns = overload.bench.now_ns
    overload.bench.pass_time(1.5)
    overload.play(2.0)
    after_ns = since_ns + 1_850_000_000
    assert overload.worst(since_ns) < 1.5 + 0.25
    assert overload.worst(after_ns) < 0.05


@pytest.mark.parametrize(("fixed", "row"), [(2.0, 2.0), (4.0, 1.0), (1.0, 3.0), (1.0, 0.5)])
def test_a_wrong_calibration_is_corrected_by_the_streams_there_are(fixed: float, row: float) -> None:
    """Whichever term is wrong: steps are as wide then as they are where capacity ends."""
    overload = Overload()
    overload.calibrate(fixed * COST[0], row * COST[1])
    refused = []
    for number in range(1, 64):
        refused.append(overload.open(number))
        overload.play(0.09)
    admitted, told = refused.count(None), overload.bench.scheduler.snapshot()
    assert abs(admitted - 36) <= 5
    assert told["capacity"]["encode"] == admitted, "one number: what it holds"


def test_the_capacity_told_is_what_admission_holds_on_a_slower_machine() -> None:
    overload = Overload()
    overload.slow_down(1.5)
    told = overload.bench.scheduler.snapshot()
    assert told["capacity"] == told["calibrated"] == {"encode": 36, "decode": 36}, "nothing has been seen yet"
    ratios = []
    admitted = 0
    for number in range(1, 64):
        admitted += overload.open(number) is None
        overload.play(0.09)
        told = overload.bench.scheduler.snapshot()
        ratios.append(admitted / told["capacity"]["encode"])
    assert told["capacity"]["encode"] == admitted < 30
    assert told["room"]["encode"] == 0
    assert told["calibrated"]["encode"] == 36
    full = ratios.index(1.0)
    assert max(ratios[full:]) == 1.0
    assert min(ratios[full:]) > 0.9, "it does not flap"
