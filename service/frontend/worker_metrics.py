"""Metrics that workers and the routing table tell, read at the moment Prometheus asks."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from service.frontend.router import Router
from service.frontend.step_metrics import StepMetrics
from service.frontend.worker_link import WorkerLink
from service.histogram import Buckets

_LABELS = ("model", "version", "worker")
_COUNTERS = frozenset(
    {
        "cancelled", "late_messages", "generation_mismatches", "engine_errors", "disconnects",
        "graph_steps", "eager_steps",
    }
)  # fmt: skip
# All other statistics are `codec_worker_` and their name.
_NAMES: dict[str, tuple[str, dict[str, str]]] = {
    "generation_mismatches": ("codec_slot_generation_mismatch", {}),
    "graph_steps": ("codec_cuda_graph_steps", {"path": "graph"}),
    "eager_steps": ("codec_cuda_graph_steps", {"path": "eager"}),
    "device_memory_bytes": ("codec_gpu_memory_bytes", {"kind": "reserved"}),
}
_OPERATIONS = ("encode", "decode")


class WorkerCollector(Collector):
    """Slots, models and load failures as the router sees them, and the statistics that workers send."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def describe(self) -> list[Metric]:
        """Nothing in advance: which metrics there are depends on the workers."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Part of `Collector`."""
        yield from self._routing()
        families, steps = _Families(), StepMetrics()
        for link in self._router.links:
            _add_stats(families, link)
            steps.add(link, _labels(link))
        yield from families.all()
        yield from steps.all()

    def _routing(self) -> Iterator[Metric]:
        used = GaugeMetricFamily("codec_stream_slots_used", "Live streams", labels=_LABELS)
        total = GaugeMetricFamily("codec_stream_slots_total", "Live streams at most", labels=_LABELS)
        jobs = GaugeMetricFamily("codec_worker_jobs_in_flight", "One-shot requests", labels=_LABELS)
        for link in self._router.links:
            labels = _labels(link)
            used.add_metric(labels, link.streams)
            total.add_metric(labels, link.info.slots if link.info else 0)
            jobs.add_metric(labels, link.jobs)
        yield from (used, total, jobs, *self._links())
        info = GaugeMetricFamily(
            "codec_model_info", "1 for the version that is served", labels=("model", "version", "token_space")
        )
        for model in self._router.serving():
            info.add_metric((model.model, model.version, model.token_space), 1)
        yield info
        share = GaugeMetricFamily(
            "codec_canary_weight", "Share of unnamed work that goes to it", labels=("model", "version")
        )
        for routes in self._router.table.models.values():
            if routes.canary is not None:
                share.add_metric((routes.name, routes.canary.version), routes.canary.weight)
        yield share
        failures = CounterMetricFamily(
            "codec_model_load_failures", "Published versions that were refused", labels=("model", "stage")
        )
        for (name, stage), count in self._router.load_failures.items():
            failures.add_metric((name, stage), count)
        yield failures
        yield from (self._states(), self._sessions(), self._load_seconds())
        restarts = CounterMetricFamily("codec_worker_restarts", "Workers that ended without being asked to")
        restarts.add_metric((), self._router.workers_lost)
        yield restarts

    def _links(self) -> Iterator[Metric]:
        """What the front end has seen of its workers."""
        stalls = CounterMetricFamily(
            "codec_stream_credit_stalls", "Times that a client had to wait for its window", labels=_LABELS
        )
        trips = HistogramMetricFamily(
            "codec_ipc_roundtrip_seconds", "Of a request to a worker, queue and run apart", labels=_LABELS
        )
        for link in self._router.links:
            stalls.add_metric(_labels(link), link.stalls)
            trips_seen = Buckets.from_message(link.round_trips.message())
            trips.add_metric(_labels(link), list(trips_seen.pairs), trips_seen.total)
        yield from (stalls, trips)

    def _states(self) -> Metric:
        """How many workers of a version are in a state."""
        family = GaugeMetricFamily(
            "codec_model_state", "Workers by state", labels=("model", "version", "state")
        )
        there = {link.worker_id for link in self._router.links}
        states: Counter[tuple[str, str, str]] = Counter()
        for routes in self._router.table.models.values():
            for worker in routes.workers:
                state = "draining" if worker.draining else "ready" if worker.id in there else "starting"
                states[routes.name, worker.version, state] += 1
            states.update((routes.name, version.version, "refused") for version in routes.rejected)
        for labels, count in states.items():
            family.add_metric(labels, count)
        return family

    def _sessions(self) -> Metric:
        family = GaugeMetricFamily(
            "codec_model_sessions", "Live streams and one-shot requests", labels=("model", "version")
        )
        sessions: Counter[tuple[str, str]] = Counter()
        for link in self._router.links:
            model, version, _ = _labels(link)
            sessions[model, version] += link.streams + link.jobs
        for labels, count in sessions.items():
            family.add_metric(labels, count)
        return family

    def _load_seconds(self) -> Metric:
        family = GaugeMetricFamily(
            "codec_model_load_seconds", "What getting ready took the worker", labels=(*_LABELS, "stage")
        )
        for link in self._router.links:
            for stage, seconds in _numbers(link.stats.get("load_seconds")):
                family.add_metric((*_labels(link), stage), seconds)
        return family


class _Families:
    """Metric families by name, made as they come up."""

    def __init__(self) -> None:
        self._families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}

    def add(self, name: str, labels: dict[str, str], value: float, *, counter: bool) -> None:
        kind = CounterMetricFamily if counter else GaugeMetricFamily
        text = f"{name.replace('_', ' ')} as the worker tells it"
        full_name, more = _NAMES.get(name, (f"codec_worker_{name}", {}))
        labels = labels | more
        family = self._families.setdefault(full_name, kind(full_name, text, labels=tuple(labels)))
        family.add_metric(tuple(labels.values()), value)

    def all(self) -> Iterator[Metric]:
        yield from self._families.values()


def _add_stats(families: _Families, link: WorkerLink) -> None:
    labels = dict(zip(_LABELS, _labels(link), strict=True))
    for name, value in link.stats.items():
        if isinstance(value, int | float):
            families.add(name, labels, value, counter=name in _COUNTERS)
    for operation in _OPERATIONS:
        for name, value in _numbers(link.stats.get(operation)):
            families.add(name, labels | {"op": operation}, value, counter=True)
    for reason, value in _numbers(link.stats.get("failed")):
        families.add("failed", labels | {"reason": reason.lower()}, value, counter=True)


def _numbers(group: Any) -> Iterator[tuple[str, float]]:
    if isinstance(group, dict):
        yield from ((name, value) for name, value in group.items() if isinstance(value, int | float))


def _labels(link: WorkerLink) -> tuple[str, str, str]:
    if link.info is None:
        return "", "", link.worker_id
    return link.info.model, link.info.version, link.worker_id
