"""What workers tell of steps, live messages, queues and room for streams, as Prometheus names it."""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from service.frontend.worker_link import WorkerLink
from service.histogram import Buckets

_BY_OP = ("model", "version", "worker", "op")
_BY_CLASS = (*_BY_OP, "class")
_QUEUE = ("model", "version", "worker", "class")
_GAUGES = (
    ("capacity", "codec_stream_capacity", "Live streams there are, and room for more of this operation"),
    ("calibrated", "codec_stream_capacity_calibrated", "Live streams of one operation alone, as calibrated"),
    ("room", "codec_stream_room", "Live streams that would be taken now beside those there are"),
    ("realtime_factor", "codec_realtime_factor", "Seconds of audio in a second of steps of one stream"),
)
"""What a worker tells by operation, under which name, and what it means."""


class StepMetrics:
    """Families that are filled worker by worker."""

    def __init__(self) -> None:
        self._gauges = {
            name: GaugeMetricFamily(metric, text, labels=_BY_OP) for name, metric, text in _GAUGES
        }
        self._add_live()
        self._errors = HistogramMetricFamily(
            "codec_batch_cost_error_ratio", "Run time of a step over the prediction", labels=_BY_OP
        )
        self._nonfinite = CounterMetricFamily(
            "codec_nonfinite_outputs", "Rows that the model answered with NaN or infinity", labels=_BY_OP
        )
        self._rows = HistogramMetricFamily("codec_batch_rows", "Rows of a step", labels=_BY_CLASS)
        self._run = HistogramMetricFamily("codec_batch_run_seconds", "Run time of a step", labels=_BY_CLASS)
        self._seconds = HistogramMetricFamily(
            "codec_batch_audio_seconds", "Audio in a step, of all rows, without padding", labels=_BY_CLASS
        )
        self._padding = HistogramMetricFamily(
            "codec_batch_padded_ratio", "Padding in a batch of whole items", labels=_BY_CLASS
        )
        self._depth = GaugeMetricFamily("codec_queue_depth", "Jobs that wait or run", labels=_QUEUE)
        self._audio = GaugeMetricFamily("codec_queue_audio_seconds", "Audio still to be run", labels=_QUEUE)

    def _add_live(self) -> None:
        self._ticks = HistogramMetricFamily(
            "codec_tick_seconds", "Run time of the steps of live streams", labels=_BY_OP
        )
        self._overruns = CounterMetricFamily(
            "codec_tick_overruns", "Steps of live streams that were longer than their audio", labels=_BY_OP
        )
        self._frames = CounterMetricFamily(
            "codec_stream_frames", "Frames of live streams that were run", labels=_BY_OP
        )
        self._underruns = CounterMetricFamily(
            "codec_stream_underruns",
            "Outputs of live streams that a buffer of one message of 80 ms would not have bridged",
            labels=_BY_OP,
        )
        self._lateness = HistogramMetricFamily(
            "codec_stream_frame_lateness_seconds",
            "From when a live message was read, and had been due, to when output of it was made",
            labels=_BY_OP,
        )
        self._first = HistogramMetricFamily(
            "codec_stream_first_output_seconds", "The same of the first output of a stream", labels=_BY_OP
        )

    def add(self, link: WorkerLink, labels: Iterable[str]) -> None:
        """Take what a worker told last; `labels`: its model, version and id."""
        stats, own = link.stats, tuple(labels)
        for name, family in self._gauges.items():
            for operation, value in stats.get(name, {}).items():
                family.add_metric((*own, operation), value)
        for operation, steps in stats.get("steps", {}).items():
            self._add_steps(steps, (*own, operation))
        for name, line in stats.get("queue", {}).items():
            self._depth.add_metric((*own, name), line["depth"])
            self._audio.add_metric((*own, name), line["audio_seconds"])

    def all(self) -> Iterator[Metric]:
        """Every family."""
        yield from self._gauges.values()
        yield from (self._ticks, self._overruns, self._frames)
        yield from (self._lateness, self._first, self._underruns, self._errors, self._nonfinite)
        yield from (self._rows, self._run, self._seconds, self._padding, self._depth, self._audio)

    def _add_steps(self, steps: dict[str, Any], labels: tuple[str, ...]) -> None:
        live = steps["by_class"]["live"]
        _add(self._ticks, labels, live["run_seconds"])
        self._overruns.add_metric(labels, live["overruns"])
        self._frames.add_metric(labels, live["frames"])
        _add(self._lateness, labels, steps["lateness_seconds"])
        _add(self._first, labels, steps["first_output_seconds"])
        _add(self._errors, labels, steps["cost_error_ratio"])
        self._underruns.add_metric(labels, steps["underruns"])
        self._nonfinite.add_metric(labels, steps["nonfinite_outputs"])
        for name, stats in steps["by_class"].items():
            _add(self._rows, (*labels, name), stats["rows"])
            _add(self._run, (*labels, name), stats["run_seconds"])
            _add(self._seconds, (*labels, name), stats["audio_seconds"])
            if any(stats["padding"]["counts"]):
                _add(self._padding, (*labels, name), stats["padding"])


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], message: dict[str, Any]) -> None:
    buckets = Buckets.from_message(message)
    family.add_metric(labels, list(buckets.pairs), buckets.total)
