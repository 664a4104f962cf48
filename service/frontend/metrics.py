"""Prometheus metrics of the front end; names in base units, prefix `codec_`."""

from collections.abc import Mapping
from functools import lru_cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.registry import Collector

from service.frontend.call import Call
from service.frontend.spans import SPAN
from service.histogram import SECONDS
from service.status import Condition

OK = "ok"

_BULK_SECONDS = 10.0
_DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STREAM_BUCKETS = (1, 10, 60, 300, 900, 1800, 3600, 7200)
_AUDIO_BUCKETS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
# Answers that turn work down whatever it is; they count as rejections.
_REJECTIONS = (
    Condition.OVERLOADED,
    Condition.UNAVAILABLE,
    Condition.LIMIT_EXCEEDED,
    Condition.QUOTA_EXCEEDED,
    Condition.UNAUTHENTICATED,
    Condition.PERMISSION_DENIED,
)


def code_of(condition: Condition | None) -> str:
    """The label of a condition; `ok` for None."""
    return OK if condition is None else condition.name.lower()


class Metrics:
    """What the front end counts. `collectors` add what workers and models tell when Prometheus asks."""

    def __init__(self, *collectors: Collector) -> None:
        # Creation times double the series and nothing here asks for them.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.in_flight = 0
        registry = CollectorRegistry()
        self.registry = registry
        ProcessCollector(registry=registry)
        self._add_request_metrics(registry)
        self._add_stream_metrics(registry)
        self._add_edge_metrics(registry)
        self._drain = Gauge("codec_drain_state", "1 while the service shuts down", registry=registry)
        self._reloads = Counter(
            "codec_reload_failures", "Changed files that could not be used", ["what"], registry=registry
        )
        for collector in collectors:
            registry.register(collector)
        # Looking labels up costs more than counting.
        self._of_http = lru_cache(maxsize=256)(self._http.labels)
        self._of_request = lru_cache(maxsize=256)(self._request_children)
        self._of_operation = lru_cache(maxsize=8)(self._in_flight.labels)

    def _add_request_metrics(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "codec_requests", "One-shot requests answered", ["op", "class", "code"], registry=registry
        )
        self._duration = _histogram(
            "codec_request_duration_seconds", "From first byte to answer", _DURATION_BUCKETS, registry
        )
        self._queue = _histogram(
            "codec_request_queue_seconds", "Waiting inside the worker", _DURATION_BUCKETS, registry
        )
        self._audio = _histogram(
            "codec_request_audio_seconds", "Length of the audio", _AUDIO_BUCKETS, registry
        )
        self._in_flight = Gauge(
            "codec_requests_in_flight", "One-shot requests being served", ["op"], registry=registry
        )
        self._rejected = Counter("codec_rejected", "Work refused", ["reason"], registry=registry)
        self._ended_early = {
            Condition.CANCELLED: Counter(
                "codec_cancelled", "Work whose client left, by who had it", ["stage"], registry=registry
            ),
            Condition.DEADLINE_EXCEEDED: Counter(
                "codec_deadline_exceeded", "Work that was late, by who had it", ["stage"], registry=registry
            ),
        }

    def _add_stream_metrics(self, registry: CollectorRegistry) -> None:
        self._opened = Counter("codec_streams_opened", "Live streams opened", ["op"], registry=registry)
        self._closed = Counter(
            "codec_streams_closed", "Live streams ended", ["op", "reason"], registry=registry
        )
        self._stream_seconds = Histogram(
            "codec_stream_duration_seconds",
            "From Opened to the end",
            ["op"],
            buckets=_STREAM_BUCKETS,
            registry=registry,
        )
        self._slow = Counter(
            "codec_stream_slow_consumers", "Live streams ended for not being read", ["op"], registry=registry
        )

    def _add_edge_metrics(self, registry: CollectorRegistry) -> None:
        self._http = Counter(
            "codec_http_requests",
            "HTTP requests and WebSockets answered",
            ["path", "code"],
            registry=registry,
        )
        messages = Counter("codec_grpc_messages", "Messages of codec.v1", ["direction"], registry=registry)
        self.grpc_received = messages.labels("received").inc
        self.grpc_sent = messages.labels("sent").inc
        self._loop_lag = Histogram(
            "codec_event_loop_lag_seconds", "Lateness of the event loop", buckets=SECONDS, registry=registry
        )
        self._decoding = Counter(
            "codec_decoder_pool_rejected", "Files that were not decoded", ["reason"], registry=registry
        )
        self._registry_read = Gauge(
            "codec_registry_last_success_timestamp_seconds",
            "When the supervisor last read where a channel points",
            ["model", "channel"],
            registry=registry,
        )

    def request_began(self, operation: str) -> None:
        """A request came in."""
        self.in_flight += 1
        self._of_operation(operation).inc()

    def request_ended(
        self, operation: str, condition: Condition | None, call: Call, audio_seconds: float
    ) -> None:
        """A request was answered; `condition` None = well."""
        self.in_flight -= 1
        self._of_operation(operation).dec()
        size = "bulk" if audio_seconds > _BULK_SECONDS else "oneshot"
        code = code_of(condition)
        if (span := SPAN.get()) is not None:
            span.work_ended(operation, size, code, audio_seconds)
        requests, duration, queue, audio = self._of_request(operation, size, code)
        requests.inc()
        duration.observe(call.elapsed_seconds)
        if condition is None:
            queue.observe(call.queue_us * 1e-6)
            audio.observe(audio_seconds)
        else:
            self.refused(condition)
            self._count_early_end(condition, call.stage)

    def stream_opened(self, operation: str) -> None:
        """A live stream holds a slot."""
        self._opened.labels(operation).inc()

    def stream_closed(self, operation: str, condition: Condition | None, seconds: float) -> None:
        """A live stream has ended after so long; `condition` None = by its client, whole."""
        self._closed.labels(operation, code_of(condition)).inc()
        self._stream_seconds.labels(operation).observe(seconds)
        if condition is Condition.SLOW_CONSUMER:
            self._slow.labels(operation).inc()
        if condition is not None:
            self._count_early_end(condition, "stream")

    def http_answered(self, path: str, status: int) -> None:
        """A request was answered; `path`: one of a small set."""
        self._of_http(path, str(status)).inc()

    def decoding_refused(self, reason: str) -> None:
        """A file was not decoded; see `DecoderPool`."""
        self._decoding.labels(reason).inc()

    def registry_read(self, read_at: Mapping[str, Mapping[str, float]]) -> None:
        """When the channels of every model were read, in seconds since 1970."""
        for model, channels in read_at.items():
            for channel, seconds in channels.items():
                self._registry_read.labels(model, channel).set(seconds)

    def loop_lagged(self, seconds: float) -> None:
        """The event loop ran something that much later than it was due."""
        self._loop_lag.observe(seconds)

    def draining(self) -> None:
        """The service takes no new work any more."""
        self._drain.set(1)

    def refused(self, condition: Condition) -> None:
        """Work was turned down, if that is what the condition means."""
        if condition in _REJECTIONS:
            self._rejected.labels(code_of(condition)).inc()

    def reload_failed(self, what: str) -> None:
        """Changed keys or certificates could not be used; those before are still in force."""
        self._reloads.labels(what).inc()

    def _count_early_end(self, condition: Condition, stage: str) -> None:
        if condition in self._ended_early:
            self._ended_early[condition].labels(stage).inc()

    def _request_children(
        self, operation: str, size: str, code: str
    ) -> tuple[Counter, Histogram, Histogram, Histogram]:
        return (
            self._requests.labels(operation, size, code),
            self._duration.labels(operation, size),
            self._queue.labels(operation, size),
            self._audio.labels(operation, size),
        )


def _histogram(name: str, text: str, buckets: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
    return Histogram(name, text, ["op", "class"], buckets=buckets, registry=registry)
