"""Steps are sized by predicted cost, and shared by those who gain from it."""

import numpy as np
import pytest

from service.ipc import Operation
from service.worker.policy import Policy, StepLimits
from service.worker.session import Session, SessionKey
from service.worker.slots import Lease
from tests.service.worker.oracle import GEOMETRY, costs


def waiting(
    number: int, frames: int, *, n_q: int = 3, operation: Operation = Operation.ENCODE, arrived_ns: int = 0
) -> Session:
    session = Session(
        SessionKey(1, number), operation, n_q, Lease(number, 0), GEOMETRY, is_job=False, arrived_ns=arrived_ns
    )
    items = np.zeros((frames * session.items_per_frame, 1), np.float32)
    session.open_segment().push(items, n_q, 0, arrived_ns)
    return session


def policy(**terms: float) -> Policy:
    return Policy(
        costs(**terms), StepLimits(target_seconds=0.020, relaxed_seconds=0.040, max_rows=4, max_frames=500)
    )


@pytest.mark.parametrize(("frames", "chunk"), [(1, 1), (9, 9), (10, 5), (19, 7), (90, 9), (91, 9)])
def test_chunks_are_even_parts_within_the_target(frames: int, chunk: int) -> None:
    assert policy(fixed=0.001, per_frame=0.002).chunk(waiting(1, frames), 0.02) == chunk


def test_a_single_frame_runs_whatever_it_costs() -> None:
    assert policy(fixed=0.5, per_frame=0.1).chunk(waiting(1, 50), 0.02) == 1


def test_a_fast_model_is_bounded_by_memory() -> None:
    assert policy(fixed=0.0, per_frame=1e-9).chunk(waiting(1, 5000), 0.02) == 500


def test_equal_chunks_of_one_operation_share_a_step_up_to_the_limits() -> None:
    sessions = [waiting(number, 2) for number in range(6)]
    others = [waiting(10, 3), waiting(11, 2, operation=Operation.DECODE), *sessions]
    batch = policy(fixed=0.001, per_frame=0.001).batch(sessions[0], others, 0.02)
    assert batch.sessions == tuple(sessions[:4]), "at most four rows, and none of the others"
    batch = policy(fixed=0.002, per_frame=0.0029).batch(sessions[0], others, 0.02)
    assert batch.sessions == tuple(sessions[:3]), "three rows of two frames take 19 ms"


def test_long_chunks_run_row_by_row() -> None:
    sessions = [waiting(number, 6) for number in range(4)]
    assert len(policy(fixed=0.001, per_frame=0.003).batch(sessions[0], sessions, 0.02).sessions) == 1


def test_jobs_take_short_chunks_together_where_company_makes_frames_cheaper() -> None:
    jobs = [waiting(number, frames) for number, frames in enumerate((90, 90, 41, 5))]
    for job in jobs:
        job.is_job = True
    company = policy(fixed=0.001, per_frame=0.0001, step_frame=0.0005)
    batch = company.batch(jobs[0], jobs, 0.02)
    # So long a step holds 21 frames of four rows, 31 of one.
    assert (batch.frames, batch.sessions) == (18, tuple(jobs[:3]))
    alone = company.batch(jobs[0], [], 0.02)
    assert (alone.frames, alone.sessions) == (30, (jobs[0],))
    for job in jobs:
        job.is_job = False
    assert company.batch(jobs[0], jobs, 0.02).frames == 30, "live streams wait for nobody's sake"


def test_what_every_step_costs_makes_relaxed_steps_longer() -> None:
    assert policy(fixed=0.001, per_frame=0.001).relaxed_seconds(waiting(1, 9)) == 0.040
    assert policy(fixed=0.010, per_frame=0.001).relaxed_seconds(waiting(1, 9)) == pytest.approx(0.1)


def test_a_row_with_more_codebooks_joins_only_if_that_is_cheaper_than_alone() -> None:
    few, many = waiting(1, 2, n_q=1), waiting(2, 2, n_q=3)
    cheap = policy(fixed=0.004, per_frame=0.0001, per_code=0.0001).batch(few, [few, many], 0.02)
    assert (cheap.sessions, cheap.n_q) == ((few, many), 3)
    dear = policy(fixed=0.0001, per_frame=0.0001, per_code=0.001).batch(few, [few, many], 0.02)
    assert (dear.sessions, dear.n_q) == ((few,), 1)


def test_steps_of_late_streams_grow_with_their_lateness() -> None:
    rules = policy()
    assert [rules.live_seconds(late) for late in (-1.0, 0.01, 0.05, 3.0)] == [0.02, 0.02, 0.05, 0.1]


def test_the_shortest_useful_step_is_half_fixed_cost_and_half_frames() -> None:
    rules = policy(fixed=0.004, per_frame=0.001)
    assert rules.shortest_seconds(waiting(1, 40)) == pytest.approx(0.008)
    assert rules.shortest_seconds(waiting(1, 2)) == pytest.approx(0.006), "no more is there"
    assert policy(fixed=0.018, per_frame=0.001).shortest_seconds(waiting(1, 40)) == pytest.approx(0.036)
    assert policy(fixed=0.001, per_frame=0.1).shortest_seconds(waiting(1, 40)) == pytest.approx(0.101)


def test_a_longer_target_gives_longer_steps() -> None:
    head, rules = waiting(1, 40), policy(fixed=0.001, per_frame=0.002)
    assert rules.batch(head, [], 0.02).frames == 8
    assert rules.batch(head, [], 0.04).frames == 14
