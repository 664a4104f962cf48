"""A hundred thousand random events: every answer right, every step allowed, and nothing left over."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest

from service.ipc import Kind
from service.worker import scheduler
from service.worker.engine import Engine
from service.worker.job_queue import BULK_PATIENCE_NS, INTERACTIVE_PATIENCE_NS
from service.worker.policy import Batch, StepLimits
from service.worker.scheduler import SchedulerConfig
from service.worker.step import run_step
from service.worker.turns import QUANTUM_SECONDS
from tests.service.worker.oracle import GEOMETRY
from tests.service.worker.simulated import CONNECTIONS, Key, Simulation
from tests.service.worker.simulated_peer import Peer

CONFIG = SchedulerConfig(slots=6, max_jobs=12)
STEP = StepLimits()
BURST_NS = 1_000_000_000
WINDOW_NS = 2_000_000_000
# A turn is a step, or several that take as long as the quantum; what a step takes beyond it is owed.
UNFAIR_SECONDS = QUANTUM_SECONDS + 2 * STEP.relaxed_seconds


class RuleBrokenError(BaseException):
    """Not an `Exception`, which a scheduler would take for a fault of the model."""


class Rules:
    """Holds every step against what the front ends know, before it runs."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.served_ns = {Kind.JOB: 0, Kind.BULK: 0}
        self.there_since_ns: dict[Kind, int] = {}
        self.lead_seconds: dict[Kind, dict[tuple[int, int], float]] = {Kind.JOB: {}, Kind.BULK: {}}
        self.overdue_steps = 0
        self.fair_steps = 0

    def run_step(self, engine: Engine, batch: Batch) -> list[Any]:
        """In place of the scheduler's own."""
        peers = [self.simulation.peers[(s.key.connection, s.key.session)] for s in batch.sessions]
        try:
            self._check(batch, peers)
        except AssertionError as error:
            raise RuleBrokenError from error
        since_ns = [peer.segments[0].waiting_since_ns for peer in peers]
        outputs = run_step(engine, batch)
        if self.simulation.random.random() < 0.01:
            # The rows have moved on: whoever gets one of them next must get it reset.
            there = self.simulation.peers.items()
            self.simulation.broken.update(key for key, peer in there if any(peer is own for own in peers))
            raise RuntimeError("a fault of the model")
        for peer, arrived_ns in zip(peers, since_ns, strict=True):
            peer.segments[0].stepped_frames += batch.frames
            peer.segments[0].settle()
            # A source that speaks in real time would have needed so long for what is now served.
            duration_ns = round(batch.frames * GEOMETRY.frame_seconds * 1e9)
            peer.paced_ns = max(peer.paced_ns, arrived_ns - WINDOW_NS) + duration_ns
        return outputs

    def observe(self) -> None:
        """Note since when each class has had jobs without a break."""
        kinds = {peer.kind for peer in self.simulation.peers.values()}
        self.there_since_ns = {kind: self.there_since_ns.get(kind, self.simulation.now_ns) for kind in kinds}

    def _check(self, batch: Batch, peers: list[Peer]) -> None:
        self._check_bounds(batch, peers)
        self._check_order(peers[0])
        if peers[0].is_job or self._is_ahead(peers[0]):
            self._check_fairness(batch, peers)

    def _check_bounds(self, batch: Batch, peers: list[Peer]) -> None:
        """Nobody twice, nothing late, nothing for the blocked, and no longer than the target."""
        simulation, keys = self.simulation, [session.key for session in batch.sessions]
        assert len(set(keys)) == len(keys)
        assert all(key.connection not in simulation.blocked for key in keys)
        assert all(not 0 < peer.deadline_ns <= simulation.now_ns for peer in peers)
        assert all(0 < batch.frames <= peer.segments[0].ready_frames for peer in peers)
        assert len({peer.is_job for peer in peers}) == 1
        live = any(not peer.is_job for peer in simulation.peers.values())
        target = STEP.target_seconds if live else STEP.relaxed_seconds
        if not peers[0].is_job and not self._is_ahead(peers[0]):
            target = STEP.catch_up_seconds
        seconds = simulation.costs[batch.operation].seconds(len(keys), batch.frames, batch.n_q)
        assert seconds <= target + 1e-9 or (len(keys), batch.frames) == (1, 1)

    def _check_order(self, head: Peer) -> None:
        """Live before interactive before bulk, but for one step of a class that has waited too long."""
        on_time = any(not self._is_ahead(peer) for _, peer in self._ready(Kind.OPEN))
        interactive = self._backlog(Kind.JOB)
        if not head.is_job and not self._is_ahead(head):
            assert not self._is_overdue(Kind.JOB)
            assert not self._is_overdue(Kind.BULK)
        elif head.kind is Kind.BULK:
            assert not (on_time or interactive) or self._is_overdue(Kind.BULK)
            self.overdue_steps += on_time or bool(interactive)
        else:
            assert not on_time or self._is_overdue(Kind.JOB)
            assert self._is_overdue(Kind.JOB) or not self._is_overdue(Kind.BULK)
            self.overdue_steps += on_time

    def _check_fairness(self, batch: Batch, peers: list[Peer]) -> None:
        """Of two callers that have both had work all the time, neither has been served much more."""
        kind = Kind.BULK if peers[0].kind is Kind.BULK else Kind.JOB
        caller, callers = peers[0].caller, self._backlog(kind)
        seconds = self.simulation.costs[batch.operation].seconds(len(peers), batch.frames, batch.n_q)
        charged = seconds * sum(peer.caller == caller for peer in peers) / len(peers)
        before, after = self.lead_seconds[kind], defaultdict[tuple[int, int], float](float)
        for pair in permutations(callers, 2):
            sign = (pair[0] == caller) - (pair[1] == caller)
            after[pair] = before.get(pair, 0.0) + sign * charged
        assert max(after.values(), default=0.0) <= UNFAIR_SECONDS
        self.lead_seconds[kind] = after
        self.served_ns[kind] = self.simulation.now_ns
        self.fair_steps += len(callers) > 1

    def _ready(self, kind: Kind) -> Iterable[tuple[Key, Peer]]:
        for key, peer in self.simulation.peers.items():
            if peer.kind is kind and key[0] not in self.simulation.blocked and peer.segments[0].ready_frames:
                yield key, peer

    def _backlog(self, kind: Kind) -> set[int]:
        """Callers that have work which stands in line with a class of jobs."""
        callers = {peer.caller for _, peer in self._ready(kind)}
        if kind is Kind.JOB:
            callers |= {peer.caller for _, peer in self._ready(Kind.OPEN) if self._is_ahead(peer)}
        return callers

    def _is_ahead(self, peer: Peer) -> bool:
        return not peer.is_job and peer.paced_ns - self.simulation.now_ns > BURST_NS

    def _is_overdue(self, kind: Kind) -> bool:
        """Whether a class has waited too long: since its last step, and since it has had jobs."""
        if not any(self._ready(kind)):
            return False
        patience_ns = BULK_PATIENCE_NS if kind is Kind.BULK else INTERACTIVE_PATIENCE_NS
        since_ns = max(self.served_ns[kind], self.there_since_ns[kind])
        return self.simulation.now_ns - since_ns > patience_ns


@pytest.fixture(autouse=True)
def _faults_are_expected(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, scheduler.__name__)


def simulate(
    monkeypatch: pytest.MonkeyPatch, seed: int, events: int, *, pausing: bool
) -> tuple[Simulation, Rules]:
    """A simulation that has run all its events under the rules, and all its work to the end."""
    simulation = Simulation(seed, CONFIG, pausing=pausing)
    rules = Rules(simulation)
    simulation.observe = rules.observe
    monkeypatch.setattr(scheduler, "run_step", rules.run_step)
    for _ in range(events):
        simulation.event()
        rules.observe()
    simulation.goes_on = False
    for connection in CONNECTIONS:
        simulation.blocked.discard(connection)
        simulation.scheduler.set_blocked(connection, False)
    while simulation.scheduler.step() or simulation.scheduler.wait_seconds:
        simulation.now_ns += round(simulation.scheduler.wait_seconds * 1e9)
    return simulation, rules


def check_end(simulation: Simulation) -> None:
    """Jobs have ended, and streams have all that could be made of their input, and their slots back."""
    for peer in simulation.peers.values():
        assert peer.opened
        assert not peer.is_job
        assert len(peer.segments) == 1
        assert peer.acknowledged == peer.sequence - 1
        assert peer.segments[0].ready_frames == 0
        peer.segments[0].check(whole=False)
    assert not simulation.broken
    for connection in CONNECTIONS:
        simulation.scheduler.disconnect(connection)
    snapshot = simulation.scheduler.snapshot()
    assert simulation.scheduler.is_idle
    assert (snapshot["slots_used"], snapshot["jobs_queued"], snapshot["generation_mismatches"]) == (0, 0, 0)


@pytest.mark.parametrize("pausing", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_session_gets_what_it_would_get_alone(
    seed: int, pausing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation, rules = simulate(monkeypatch, seed, 25_000, pausing=pausing)
    check_end(simulation)
    assert (simulation.pauses > 10_000) == pausing
    ends = simulation.ends
    assert min(ends[name] for name in ("result", "flushed", "CANCEL", "CLOSE", "OVERLOADED")) > 50
    assert min(ends[name] for name in ("DEADLINE_EXCEEDED", "INTERNAL", "vanished")) > 10
    assert rules.overdue_steps > 10
    assert rules.fair_steps > 200


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_long_simulation(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check_end(simulate(monkeypatch, seed, 100_000, pausing=seed % 2 == 0)[0])
