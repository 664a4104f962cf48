"""Random front ends for a scheduler: what they send, and what every answer must be."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.layers.pauses import pause
from service.ipc import Kind, Message, Operation
from service.status import Condition
from service.worker.scheduler import Scheduler, SchedulerConfig
from tests.service.worker.oracle import (
    GEOMETRY,
    OracleEngine,
    costs,
)
from tests.service.worker.simulated_peer import Peer, Sent

CONNECTIONS = (1, 2, 3)
CALLERS = (0, 7, 8, 9)
_HOP = GEOMETRY.hop_samples
_PARTS = 4
_STEP_SHARE = 0.45

Key = tuple[int, int]


class Simulation:
    """A scheduler, a clock, and front ends that do everything in any order.

    `broken`: sessions whose step has failed; no other may end in INTERNAL. `goes_on`: whether front ends
    still do something while a step pauses; `observe` is called when they have.
    """

    def __init__(self, seed: int, config: SchedulerConfig, *, pausing: bool) -> None:
        self.random = random.Random(seed)
        self.numpy = np.random.default_rng(seed)
        self.now_ns = 1
        self.ends: Counter[str] = Counter()
        self.peers: dict[Key, Peer] = {}
        self.blocked: set[int] = set()
        self.broken: set[Key] = set()
        self.numbers = 0
        self.costs = costs()
        self.engine = OracleEngine(config.slots + config.max_jobs, self.run_for)
        self.pauses = 0
        self.goes_on = True
        self.observe: Callable[[], None] = lambda: None
        self.scheduler = Scheduler(
            GEOMETRY,
            self.engine,
            self.costs,
            self.receive,
            config,
            self.attend if pausing else None,
            lambda: self.now_ns,
            lambda: self.now_ns,
        )

    def elapse(self, most_seconds: float) -> None:
        self.now_ns += round(self.random.random() * most_seconds * 1e9)

    def run_for(self, rows: int, frames: int) -> None:
        """A step takes about as long as it should."""
        seconds = costs()[Operation.ENCODE].seconds(rows, frames, 3)
        for part in range(_PARTS):
            if part:
                pause()
            self.now_ns += round(seconds / _PARTS * self.random.uniform(0.8, 1.2) * 1e9)

    def attend(self) -> None:
        """What may happen while a step pauses: everything but a step of this loop."""
        self.pauses += 1
        if self.goes_on and self.random.random() < 0.3:
            self.incident(self.random.uniform(_STEP_SHARE, 1.0))
            self.observe()

    def items(self, operation: Operation, n_q: int, most_frames: int) -> NDArray[Any]:
        if operation == Operation.ENCODE:
            return self.numpy.standard_normal(self.random.randrange(most_frames * _HOP)).astype(np.float32)
        return self.numpy.integers(0, 1024, (self.random.randrange(most_frames), n_q)).astype(np.uint16)

    def begin(self, kind: Kind) -> None:
        self.numbers += 1
        key = (self.random.choice(CONNECTIONS), self.numbers)
        operation, n_q = self.random.choice(list(Operation)), self.random.randint(1, 3)
        # Half of all work is one caller's.
        caller = 0 if self.random.random() < 0.5 else self.random.choice(CALLERS)
        peer = Peer(operation, caller, kind, [Sent(operation)])
        if kind is Kind.OPEN:
            self.peers[key] = peer
            peer.paced_ns = self.now_ns
            self.scheduler.handle(key[0], Message(kind, key[1], operation, n_q, caller))
            return
        items = self.items(operation, n_q, self.random.choice((4, 40)))
        if not len(items):
            return
        peer.segments[0].add(items, n_q)
        peer.segments[0].flush(0)
        if self.random.random() < 0.3:
            peer.deadline_ns = self.now_ns + self.random.randrange(2_000_000_000)
        self.peers[key] = peer
        content = items.tobytes()
        job = Message(kind, key[1], operation, n_q, caller, peer.deadline_ns, payload=content)
        self.scheduler.handle(key[0], job)

    def pick(self, *, streams: bool) -> tuple[Key, Peer] | None:
        found = [(key, peer) for key, peer in self.peers.items() if not (streams and peer.is_job)]
        return self.random.choice(found) if found else None

    def feed(self) -> None:
        if (picked := self.pick(streams=True)) is None:
            return
        key, peer = picked
        segment = peer.segments[-1]
        n_q = segment.n_q if segment.n_q and self.random.random() < 0.8 else self.random.randint(1, 3)
        items = self.items(peer.operation, n_q, 6)
        segment.add(items, n_q, self.now_ns)
        message = Message(Kind.DATA, key[1], n_q=n_q, sequence=peer.sequence, payload=items.tobytes())
        peer.sequence += 1
        peer.segments[0].settle()
        self.scheduler.handle(key[0], message)

    def flush(self) -> None:
        if (picked := self.pick(streams=True)) is None:
            return
        key, peer = picked
        self.numbers += 1
        peer.segments[-1].flush(self.numbers)
        peer.segments.append(Sent(peer.operation))
        self.scheduler.handle(key[0], Message(Kind.FLUSH, key[1], sequence=self.numbers))

    def end(self) -> None:
        if (picked := self.pick(streams=False)) is None:
            return
        key, peer = picked
        self.forget(key)
        kind = Kind.CANCEL if peer.is_job else self.random.choice((Kind.CANCEL, Kind.CLOSE))
        self.ends[kind.name] += 1
        self.scheduler.handle(key[0], Message(kind, key[1]))

    def block(self) -> None:
        connection, blocked = self.random.choice(CONNECTIONS), self.random.random() < 0.3
        (self.blocked.add if blocked else self.blocked.discard)(connection)
        self.scheduler.set_blocked(connection, blocked)

    def vanish(self) -> None:
        connection = self.random.choice(CONNECTIONS)
        for key in [key for key in self.peers if key[0] == connection]:
            self.forget(key)
        self.ends["vanished"] += 1
        self.blocked.discard(connection)
        self.scheduler.disconnect(connection)

    def forget(self, key: Key) -> None:
        """A session ends in the middle; what came of it must have been right."""
        self.peers.pop(key).segments[0].check(whole=False)

    def receive(self, connection: int, message: Message) -> None:
        """Check one answer; an answer for a session that has ended is a `KeyError`."""
        key = (connection, message.session)
        peer = self.peers[key]
        if message.kind is Kind.FAILED:
            self._failed(key, peer, Condition(message.value))
        elif message.kind is Kind.OPENED:
            assert not peer.opened
            peer.opened = True
        elif message.kind is Kind.RESULT:
            assert peer.is_job
            self._take(peer, message)
            peer.segments[0].check(whole=True)
            self.ends["result"] += 1
            del self.peers[key]
        elif message.kind is Kind.DATA:
            self._take_data(peer, message)
        else:
            assert message.kind is Kind.FLUSHED
            done = peer.segments.pop(0)
            assert done.flush_id == message.sequence
            done.check(whole=True)
            if peer.segments:
                peer.segments[0].settle()
            self.ends["flushed"] += 1

    def _failed(self, key: Key, peer: Peer, condition: Condition) -> None:
        if condition is Condition.INTERNAL:
            self.broken.remove(key)
        elif condition is Condition.DEADLINE_EXCEEDED:
            assert 0 < peer.deadline_ns <= self.now_ns
        else:
            assert condition is Condition.OVERLOADED
        self.ends[condition.name] += 1
        del self.peers[key]

    def _take_data(self, peer: Peer, message: Message) -> None:
        assert not peer.is_job
        assert message.value == peer.segments[0].answered_items
        self._take(peer, message)
        if message.sequence != 0xFFFF_FFFF:
            assert peer.acknowledged <= message.sequence < peer.sequence
            peer.acknowledged = message.sequence

    def _take(self, peer: Peer, message: Message) -> None:
        encoding = peer.operation == Operation.ENCODE
        answer = np.frombuffer(message.payload, "<u2" if encoding else "<f4")
        segment = peer.segments[0]
        segment.answers.append(answer)
        segment.answered_items += len(answer) // (message.n_q if encoding else 1)

    def event(self) -> None:
        """Something happens."""
        self.elapse(0.01)
        roll = self.random.random()
        if roll < _STEP_SHARE:
            self.scheduler.step()
        else:
            self.incident(roll)

    def incident(self, roll: float) -> None:
        """A front end does something; `roll`: what, from `_STEP_SHARE` to 1."""
        if roll < 0.75:
            self.feed()
        elif roll < 0.84:
            self.begin(self.random.choice((Kind.JOB, Kind.BULK)))
        elif roll < 0.87:
            self.begin(Kind.OPEN)
        elif roll < 0.93:
            self.flush()
        elif roll < 0.97:
            self.block()
        elif roll < 0.996:
            self.end()
        else:
            self.vanish()
