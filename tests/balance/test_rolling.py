"""Three replicas behind each balancer: restarted in turn, and one killed, while they are called."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvloop

from codec.commands.options import DEFAULT_MODEL, SHIPPED_REPOSITORY
from tests.balance.balancers import BALANCERS, NotInstalledError, balancer, program
from tests.balance.replicas import replicas
from tests.bench.mixed_load import Kind, Material, MixedLoad
from tests.bench.offline import Offline
from tests.bench.resuming_load import ResumingLoad
from tests.bench.rolling import CALLERS, LIVE, LONG_SECONDS, Trial, under_load
from tests.bench.verdicts import Judge, Judged, Verdict, reasons

N_Q = 8
SECONDS = 3.0
PERIOD_SECONDS = 2.0
TOO_SLOW = ("deadline_exceeded", "serves in real time")
REST = (Kind.REST_ENCODE, Kind.REST_DECODE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Stage:
    """A trial that can begin, and what callers send."""

    name: str
    trial: Trial
    offline: Offline
    material: Material

    def play(self, action: str) -> tuple[list[Judged], ResumingLoad]:
        """Do it under load; the calls and the client's streams."""
        front = self.trial.balancer
        load = MixedLoad(front, self.material, PERIOD_SECONDS, CALLERS)
        resuming = ResumingLoad.make(front.grpc_target, self.offline, self.material.long, N_Q)
        uvloop.run(under_load(load, resuming, getattr(self.trial, action), SECONDS))
        judged = Judge(self.offline, self.material, {self.offline.version: self.offline}).judge(load.records)
        resuming.rows()
        return judged, resuming


@pytest.fixture(scope="module", params=BALANCERS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Three replicas of the shipped model behind a balancer."""
    try:
        program(request.param)
    except NotInstalledError as error:
        pytest.skip(str(error))
    offline = Offline.open(SHIPPED_REPOSITORY, DEFAULT_MODEL)
    material = Material.make(offline, N_Q, short_seconds=2.0, long_seconds=LONG_SECONDS)
    with (
        replicas(SHIPPED_REPOSITORY, DEFAULT_MODEL, "--grace-seconds", "30") as services,
        balancer(request.param, services) as front,
    ):
        yield Stage(request.param, Trial(front, services, request.param == "haproxy"), offline, material)


def told(judged: list[Judged], *kinds: Kind) -> list[list[object]]:
    """What callers of these kinds were told who got no answer, unless it is that the machine is too slow."""
    found = reasons(judged, lambda item: item.record.kind in kinds and item.verdict is not Verdict.OK)
    return [row for row in found if not any(word in str(row[2]) for word in TOO_SLOW)]


def test_nobody_notices_a_rolling_restart(stage: Stage) -> None:
    judged, resuming = stage.play("roll")
    assert [done.stopped.exit_status for done in stage.trial.restarts] == [0, 0, 0]
    assert [done.stopped.orphans for done in stage.trial.restarts] == [(), (), ()]
    assert told(judged, *REST) == []
    assert [item.reason for item in judged if item.verdict is Verdict.WRONG] == []
    assert told(judged, Kind.GRPC_ENCODE) == []
    live = [item for item in judged if item.record.kind in LIVE]
    assert [item.reason for item in live if item.verdict is Verdict.FAILED] == []
    assert [stream.error for stream in resuming.streams if stream.is_lost] == []
    assert not any(stream.is_wrong for stream in resuming.streams)
    assert any(stream.openings > 1 for stream in resuming.streams)


def test_streams_go_on_where_a_replica_was_killed(stage: Stage) -> None:
    judged, resuming = stage.play("kill")
    assert [item.reason for item in judged if item.verdict is Verdict.WRONG] == []
    assert told(judged, *REST) == []
    assert [stream.error for stream in resuming.streams if stream.is_lost] == []
    assert not any(stream.is_wrong for stream in resuming.streams)
    assert stage.trial.killed_at < stage.trial.back_at < math.inf
