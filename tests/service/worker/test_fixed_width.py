"""Where a step takes as long for one row as for 64, as many are served as there is time for such steps."""

import pytest

from service.worker.scheduler import SchedulerConfig
from tests.service.worker.bench import Bench, encode_job, samples
from tests.service.worker.live_load import live, phases
from tests.service.worker.test_live_beside_jobs import bulk

FRAME_SECONDS = 0.0008
COST = (0.0, 1e-9, 0.0, FRAME_SECONDS)
STEP_SECONDS = 4 * FRAME_SECONDS
"""Of a message."""


@pytest.mark.parametrize(("streams", "admitted"), [(64, 64), (150, 128)])
def test_streams_share_steps_up_to_what_is_served_in_real_time(streams: int, admitted: int) -> None:
    """Two steps of 64 rows and 0.3 ms beside each row are 45 ms of 48."""
    played = live(phases(streams), seconds=3, cost=COST)
    assert streams - len(played.refused) == admitted
    # Who comes while a step runs waits for that and takes part in the next.
    assert max(played.late) < 2.1 * STEP_SECONDS


def test_slots_are_filled_where_streams_come_one_after_another() -> None:
    bench = Bench(SchedulerConfig(slots=100, max_jobs=2), COST)
    told = bench.scheduler.snapshot()
    assert told["capacity"]["encode"] == told["calibrated"]["encode"] == told["room"]["encode"] == 100


def test_jobs_run_side_by_side() -> None:
    bench = Bench(SchedulerConfig(slots=2, max_jobs=80), COST)
    bench.send(*(encode_job(number, samples(4 * 98)) for number in range(1, 65)))
    began_ns = bench.now_ns
    bench.run()
    assert set(bench.engine.widths) == {64}
    assert (bench.now_ns - began_ns) / 1e9 == pytest.approx(100 * FRAME_SECONDS, rel=0.02)


def test_bulk_fills_what_live_streams_leave_side_by_side_too() -> None:
    alone, beside = (live(phases(8), jobs, 4, COST) for jobs in ([], bulk(200)))
    assert beside.mean < 1.1 * alone.mean
    assert beside.job_frames > 20 * alone.idle_seconds / FRAME_SECONDS
