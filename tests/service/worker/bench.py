"""A scheduler on the checksum engine, without sockets, with a clock that tests turn."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.layers.pauses import pause
from service.ipc import Kind, Message, Operation
from service.status import Condition
from service.worker.scheduler import Scheduler, SchedulerConfig
from tests.service.worker.oracle import GEOMETRY, OracleEngine, costs

CONFIG = SchedulerConfig(slots=2, max_jobs=3)


class SchedulerDriver:
    """A clock that tests turn, and all that a scheduler sent; for subclasses to put a scheduler on."""

    scheduler: Any

    def __init__(self) -> None:
        self.sent: list[tuple[int, Message]] = []
        self.now_ns = 1_000_000_000

    def clock(self) -> int:
        """What it shows."""
        return self.now_ns

    def pass_time(self, seconds: float) -> None:
        """Turn the clock."""
        self.now_ns += round(seconds * 1e9)

    def emit(self, connection: int, message: Message) -> None:
        """Take what the scheduler sends."""
        self.sent.append((connection, message))

    def send(self, *messages: Message, connection: int = 1) -> None:
        for message in messages:
            self.scheduler.handle(connection, message)

    def wait(self) -> bool:
        """Turn the clock to when a step that was put off may run; False if there is none."""
        self.pass_time(seconds := self.scheduler.wait_seconds)
        return bool(seconds)

    def run(self) -> list[Message]:
        """Step until there is nothing to do; what was sent since the last call."""
        while self.scheduler.step() or self.wait():
            pass
        messages = [message for _, message in self.sent]
        self.sent.clear()
        return messages


class Bench(SchedulerDriver):
    """A scheduler on an oracle engine, whose steps take as long as the cost model says.

    `attend`: what the scheduler does in the pauses of a step, of which there are `PARTS - 1`.
    """

    PARTS = 16
    """About as many as the shipped model's encoder has."""

    def __init__(
        self,
        config: SchedulerConfig = CONFIG,
        cost: tuple[float, ...] = (0.001, 0.002),
        attend: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self.cost = costs(*cost)
        self.engine = OracleEngine(config.slots + config.max_jobs, self.take_time)
        self.scheduler: Scheduler = Scheduler(
            GEOMETRY, self.engine, costs(*cost), self.emit, config, attend, self.clock, self.clock
        )

    def take_time(self, rows: int, frames: int) -> None:
        seconds = self.cost[Operation.ENCODE].seconds(rows, frames, 3)
        for part in range(self.PARTS):
            if part:
                pause()
            self.pass_time(seconds / self.PARTS)


def samples(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def encode_job(session: int, audio: NDArray[np.float32], n_q: int = 3, deadline_ns: int = 0) -> Message:
    return Message(Kind.JOB, session, Operation.ENCODE, n_q, value=deadline_ns, payload=audio.tobytes())


def opened(session: int, operation: Operation = Operation.ENCODE, n_q: int = 3) -> Message:
    return Message(Kind.OPEN, session, operation, n_q)


def data(session: int, payload: bytes, sequence: int = 0, n_q: int = 3) -> Message:
    return Message(Kind.DATA, session, n_q=n_q, sequence=sequence, payload=payload)


def codes_of(message: Message) -> NDArray[np.uint16]:
    return np.frombuffer(message.payload, "<u2").reshape(-1, message.n_q)


def conditions(messages: list[Message]) -> list[Condition]:
    return [Condition(message.value) for message in messages if message.kind is Kind.FAILED]
