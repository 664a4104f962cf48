"""What a worker tells becomes families that Prometheus can read, under the names that rules ask for."""

import json

import pytest
from prometheus_client.core import Metric

from service.frontend.backlog import BacklogLimits
from service.frontend.roster import Roster
from service.frontend.step_metrics import StepMetrics
from service.frontend.worker_link import WorkerLink
from service.ipc import Operation
from service.worker.stats import Stats, Step
from tests.service.worker.oracle import costs

LABELS = {"model": "m", "version": "1", "worker": "w0"}


def told(*workers: str) -> dict[str, Metric]:
    """The families of workers that have each run two steps of live streams and one of bulk."""
    metrics = StepMetrics()
    for worker in workers:
        stats = Stats()
        stats.count_step(Operation.ENCODE, "live", Step(3, 12, 30_000_000, 0.020, 0.08, 1_000_000))
        stats.count_step(Operation.ENCODE, "live", Step(1, 4, 90_000_000, 0.020, 0.08, 1_000_000))
        stats.count_step(Operation.ENCODE, "bulk", Step(1, 50, 10_000_000, 0.010, 1.0, 1_000_000))
        stats.count_step(Operation.DECODE, "bulk", Step(2, 30, 10_000_000, 0.010, 0.4, 1_000_000, 0.25))
        stats.steps[Operation.ENCODE].count_message(0.1, is_first=True)
        gauges = {
            "capacity": {"encode": 30, "decode": 20},
            "calibrated": {"encode": 40, "decode": 35},
            "room": {"encode": 7, "decode": 5},
            "realtime_factor": {"encode": 50.0, "decode": 40.0},
            "queue": {"interactive": {"depth": 2, "audio_seconds": 4.5}},
        }
        link = WorkerLink(worker, Roster(BacklogLimits(4), lambda _: None, lambda: None), BacklogLimits(4))
        link.stats = json.loads(json.dumps(stats.snapshot(gauges, costs())))
        metrics.add(link, ("m", "1", worker))
    return {family.name: family for family in metrics.all()}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    (found,) = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and sample.labels == {**LABELS, **labels}
    ]
    return found


def test_steps_of_live_streams_are_ticks() -> None:
    families = told("w0")
    assert value(families, "codec_tick_seconds_count", op="encode") == 2
    assert value(families, "codec_tick_seconds_bucket", op="encode", le="0.04") == 1
    assert value(families, "codec_tick_seconds_sum", op="encode") == 0.12
    assert value(families, "codec_tick_overruns_total", op="encode") == 1
    assert value(families, "codec_stream_frames_total", op="encode") == 16
    assert value(families, "codec_stream_frame_lateness_seconds_count", op="encode") == 1
    assert value(families, "codec_stream_first_output_seconds_sum", op="encode") == 0.1
    assert value(families, "codec_stream_underruns_total", op="encode") == 1
    assert value(families, "codec_tick_seconds_count", op="decode") == 0


def test_all_steps_are_batches() -> None:
    families = told("w0")
    rows = {"op": "encode", "class": "bulk"}
    assert value(families, "codec_batch_rows_count", **rows) == 1
    assert value(families, "codec_batch_run_seconds_sum", **rows) == 0.01
    assert value(families, "codec_batch_audio_seconds_sum", **rows) == 1.0
    assert {sample.labels["class"] for sample in families["codec_batch_padded_ratio"].samples} == {"bulk"}
    padded = {"op": "decode", "class": "bulk"}
    assert value(families, "codec_batch_audio_seconds_sum", **padded) == pytest.approx(0.6)
    assert value(families, "codec_batch_padded_ratio_bucket", le="0.2", **padded) == 0
    assert value(families, "codec_batch_padded_ratio_bucket", le="0.3", **padded) == 1
    assert value(families, "codec_batch_cost_error_ratio_bucket", op="encode", le="1.0") == 1
    assert value(families, "codec_batch_cost_error_ratio_count", op="encode") == 3


def test_room_and_queues_are_gauges_by_worker() -> None:
    families = told("w0", "w1")
    assert value(families, "codec_stream_capacity", op="decode") == 20
    assert value(families, "codec_stream_capacity_calibrated", op="decode") == 35
    assert value(families, "codec_stream_room", op="encode") == 7
    assert value(families, "codec_realtime_factor", op="encode") == 50
    assert value(families, "codec_queue_depth", **{"class": "interactive"}) == 2
    assert value(families, "codec_queue_audio_seconds", **{"class": "interactive"}) == 4.5
    assert len(families["codec_stream_capacity"].samples) == 4
