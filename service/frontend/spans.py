"""What a request has to tell of itself where somebody traces it; knows nothing of OpenTelemetry."""

import logging
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from service.model_info import ModelInfo

if TYPE_CHECKING:
    from service.frontend.tracing import Tracing

logger = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class RequestSpan(Protocol):
    """The span of one HTTP request, RPC or stream. It holds no audio, tokens or keys."""

    def job_ended(self, operation: str, info: ModelInfo, queue_us: int, run_us: int) -> None:
        """A worker has just answered a job that waited and ran for so long."""

    def work_ended(self, operation: str, size: str, code: str, audio_seconds: float) -> None:
        """The work is over; `size`: its class, `code`: `ok` or the condition."""

    def served_by(self, info: ModelInfo) -> None:
        """The version that does the work."""


SPAN: ContextVar[RequestSpan | None] = ContextVar("span", default=None)
"""The span of the request that this task serves; None where nobody traces."""


def open_tracing() -> "Tracing | None":
    """What makes spans, if the environment names a collector; loads OpenTelemetry only then."""
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
    if not endpoint or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from service.frontend.tracing import Tracing
    except ModuleNotFoundError as error:
        logger.warning("no spans are sent to %s: %s; install codecd[otel]", endpoint, error)
        return None
    logger.info("spans are sent", extra={"endpoint": endpoint})
    return Tracing()
