"""A hundred thousand random events against a scheduler: no leak, no reorder, no lost or extra answer."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.ipc import Kind, Message, Operation
from service.status import Condition
from service.worker.scheduler import Scheduler, SchedulerConfig
from tests.service.worker.oracle import (
    GEOMETRY,
    OracleEngine,
    costs,
    flushed,
    reference_audio,
    reference_codes,
)

CONFIG = SchedulerConfig(slots=6, max_jobs=5)
CONNECTIONS = (1, 2, 3)
MAY_FAIL = {Condition.OVERLOADED, Condition.DEADLINE_EXCEEDED}


@dataclass
class Sent:
    """Input of one segment, and what came back."""

    operation: Operation
    n_q: int
    pieces: list[NDArray[Any]] = field(default_factory=list)
    answers: list[NDArray[Any]] = field(default_factory=list)
    flush_id: int | None = None

    def check(self, *, whole: bool) -> None:
        """The answers are a prefix of the right answer; all of it if `whole`."""
        got = np.concatenate(self.answers) if self.answers else np.empty(0)
        wanted = self._wanted()
        assert np.array_equal(got, wanted if whole else wanted[: len(got)])

    def _wanted(self) -> NDArray[Any]:
        if self.operation == Operation.DECODE:
            return reference_audio([frame for piece in self.pieces for frame in piece])
        audio = np.concatenate([*self.pieces, np.empty(0, np.float32)]).astype(np.float32)
        codes = reference_codes(audio if self.flush_id is None else flushed(audio))
        return codes[:, : self.n_q].ravel()


@dataclass
class Peer:
    """What the driver knows of one session."""

    operation: Operation
    n_q: int
    is_job: bool
    segments: list[Sent]
    opened: bool = False
    sequence: int = 0
    acknowledged: int = -1


class Driver:
    """Sends random events and checks every answer."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numpy = np.random.default_rng(seed)
        self.now_ns = 1
        self.ends: Counter[str] = Counter()
        self.peers: dict[tuple[int, int], Peer] = {}
        self.numbers = 0
        engine = OracleEngine(CONFIG.slots + CONFIG.max_jobs, lambda rows, frames: self.elapse(0.02))
        self.scheduler = Scheduler(GEOMETRY, engine, costs(), self.receive, CONFIG, clock=lambda: self.now_ns)

    def elapse(self, most_seconds: float) -> None:
        self.now_ns += round(self.random.random() * most_seconds * 1e9)

    def items(self, operation: Operation, n_q: int, most_frames: int) -> NDArray[Any]:
        if operation == Operation.ENCODE:
            count = self.random.randrange(most_frames * GEOMETRY.hop_samples)
            return self.numpy.standard_normal(count).astype(np.float32)
        return self.numpy.integers(0, 1024, (self.random.randrange(most_frames), n_q)).astype(np.uint16)

    def send(self, key: tuple[int, int], message: Message) -> None:
        self.scheduler.handle(key[0], message)

    def begin(self, *, is_job: bool) -> None:
        self.numbers += 1
        key = (self.random.choice(CONNECTIONS), self.numbers)
        operation, n_q = self.random.choice(list(Operation)), self.random.randint(1, 3)
        peer = Peer(operation, n_q, is_job, [Sent(operation, n_q)])
        peer.segments[0].flush_id = 0 if is_job else None
        self.peers[key] = peer
        if not is_job:
            self.send(key, Message(Kind.OPEN, key[1], operation, n_q))
            return
        items = self.items(operation, n_q, self.random.choice((4, 40)))
        if not len(items):
            del self.peers[key]
            return
        peer.segments[0].pieces.append(items)
        deadline_ns = self.now_ns + self.random.randrange(2_000_000_000) if self.random.random() < 0.3 else 0
        job = Message(Kind.JOB, key[1], operation, n_q, value=deadline_ns, payload=items.tobytes())
        self.send(key, job)

    def pick(self, *, streams: bool) -> tuple[tuple[int, int], Peer] | None:
        found = [(key, peer) for key, peer in self.peers.items() if not (streams and peer.is_job)]
        return self.random.choice(found) if found else None

    def feed(self) -> None:
        picked = self.pick(streams=True)
        if picked is None:
            return
        key, peer = picked
        items = self.items(peer.operation, peer.n_q, 6)
        peer.segments[-1].pieces.append(items)
        message = Message(
            Kind.DATA, key[1], n_q=peer.n_q, sequence=peer.sequence, payload=items.tobytes()
        )  # fmt: skip
        peer.sequence += 1
        self.send(key, message)

    def flush(self) -> None:
        picked = self.pick(streams=True)
        if picked is None:
            return
        key, peer = picked
        self.numbers += 1
        peer.segments[-1].flush_id = self.numbers
        peer.segments.append(Sent(peer.operation, peer.n_q))
        self.send(key, Message(Kind.FLUSH, key[1], sequence=self.numbers))

    def end(self) -> None:
        picked = self.pick(streams=False)
        if picked is None:
            return
        key, peer = picked
        self.forget(key)
        kind = Kind.CANCEL if peer.is_job else self.random.choice((Kind.CANCEL, Kind.CLOSE))
        self.ends[kind.name] += 1
        self.send(key, Message(kind, key[1]))

    def vanish(self) -> None:
        connection = self.random.choice(CONNECTIONS)
        for key in [key for key in self.peers if key[0] == connection]:
            self.forget(key)
        self.ends["vanished"] += 1
        self.scheduler.disconnect(connection)

    def forget(self, key: tuple[int, int]) -> None:
        """A session ends in the middle; what came of it must have been right."""
        self.peers.pop(key).segments[0].check(whole=False)

    def receive(self, connection: int, message: Message) -> None:
        """Check one answer; an answer for a session that has ended is a `KeyError`."""
        key = (connection, message.session)
        peer = self.peers[key]
        if message.kind is Kind.FAILED:
            assert Condition(message.value) in MAY_FAIL, bytes(message.payload)
            self.ends[Condition(message.value).name] += 1
            del self.peers[key]
        elif message.kind is Kind.OPENED:
            assert not peer.opened
            peer.opened = True
        elif message.kind is Kind.RESULT:
            assert peer.is_job
            self.take(peer, message)
            peer.segments[0].check(whole=True)
            self.ends["result"] += 1
            del self.peers[key]
        elif message.kind is Kind.DATA:
            self.take_data(peer, message)
        else:
            assert message.kind is Kind.FLUSHED
            done = peer.segments.pop(0)
            assert done.flush_id == message.sequence
            done.check(whole=True)
            self.ends["flushed"] += 1

    def take_data(self, peer: Peer, message: Message) -> None:
        segment = peer.segments[0]
        already = sum(len(answer) for answer in segment.answers)
        assert message.value == already // (peer.n_q if peer.operation == Operation.ENCODE else 1)
        self.take(peer, message)
        if message.sequence != 0xFFFF_FFFF:
            assert peer.acknowledged <= message.sequence < peer.sequence
            peer.acknowledged = message.sequence

    def take(self, peer: Peer, message: Message) -> None:
        kind = "<u2" if peer.operation == Operation.ENCODE else "<f4"
        peer.segments[0].answers.append(np.frombuffer(message.payload, kind))

    def event(self) -> None:
        self.elapse(0.01)
        roll = self.random.random()
        if roll < 0.45:
            self.scheduler.step()
        elif roll < 0.75:
            self.feed()
        elif roll < 0.83:
            self.begin(is_job=True)
        elif roll < 0.87:
            self.begin(is_job=False)
        elif roll < 0.93:
            self.flush()
        elif roll < 0.97:
            self.scheduler.set_blocked(self.random.choice(CONNECTIONS), self.random.random() < 0.3)
        elif roll < 0.995:
            self.end()
        else:
            self.vanish()

    def finish(self) -> None:
        """Let all work run out; every stream must then have all its answers."""
        for connection in CONNECTIONS:
            self.scheduler.set_blocked(connection, False)
        while self.scheduler.step():
            pass
        for peer in self.peers.values():
            assert peer.opened
            assert not peer.is_job
            assert len(peer.segments) == 1
            assert peer.acknowledged == peer.sequence - 1
            peer.segments[0].check(whole=False)
            frames = sum(len(piece) for piece in peer.segments[0].pieces)
            answered = sum(len(answer) for answer in peer.segments[0].answers)
            if peer.operation == Operation.ENCODE:
                assert answered == frames // GEOMETRY.hop_samples * peer.n_q
        for connection in CONNECTIONS:
            self.scheduler.disconnect(connection)


@pytest.mark.parametrize("seed", range(4))
def test_every_session_gets_what_it_would_get_alone(seed: int) -> None:
    driver = Driver(seed)
    for _ in range(25_000):
        driver.event()
    driver.finish()
    snapshot = driver.scheduler.snapshot()
    assert driver.scheduler.is_idle
    assert (snapshot["slots_used"], snapshot["jobs_queued"], snapshot["generation_mismatches"]) == (0, 0, 0)
    assert min(driver.ends[name] for name in ("result", "flushed", "CANCEL", "CLOSE", "OVERLOADED")) > 50
    assert driver.ends["DEADLINE_EXCEEDED"] > 10
    assert driver.ends["vanished"] > 50
