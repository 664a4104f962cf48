"""One HTTP request around a piece of work: body, deadline, disconnect, identity, errors, metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from service.config import Limits
from service.frontend.access import calling
from service.frontend.call import Call
from service.frontend.http_errors import error_response, problem_of
from service.frontend.metrics import Metrics
from service.model_info import ModelInfo
from service.request_context import begin_request
from service.status import Condition, ServiceError

MAX_TIMEOUT_SECONDS = 3600.0
# All bodies held at one time may be as large as this many of the largest.
_MAX_BODIES = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler gives back: the body and what the headers tell of it."""

    content: bytes
    media_type: str
    info: ModelInfo
    audio_seconds: float


Foresight = Callable[[Request, Call], None]
"""Looks at a request before its body has come; raises what would be raised whatever the body is."""
Handler = Callable[[Request, bytes, Call], Awaitable[Outcome]]


class RequestRunner:
    """Runs handlers of raw bodies; every way out is an answer of the table and a count in the metrics."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.draining = False
        self._limits = limits
        self._metrics = metrics
        self._bodies_bytes = 0

    async def run(self, operation: str, request: Request, foresight: Foresight, handler: Handler) -> Response:
        """Look ahead, read the body, call the handler, and answer."""
        headers = {"X-Request-Id": begin_request(header(request, b"x-request-id"))}
        if self.draining:
            headers["Connection"] = "close"
        self._metrics.request_began(operation)
        condition: Condition | None = None
        audio_seconds = 0.0
        caller = calling()
        call = Call(self._limits.deadline_seconds, caller.name, caller.quota)
        try:
            caller.begin(operation)
            call.allow(timeout_seconds(request, self._limits.deadline_seconds))
            self._check_length(request)
            foresight(request, call)
            outcome = await self._handle(request, handler, call)
            audio_seconds = outcome.audio_seconds
            response = Response(outcome.content, 200, headers | _facts(outcome, call), outcome.media_type)
        except Exception as error:
            problem = problem_of(error)
            condition = problem.condition
            response = error_response(problem, headers)
        except asyncio.CancelledError:
            condition = Condition.CANCELLED
            raise
        finally:
            self._metrics.request_ended(operation, condition, call, audio_seconds)
        return response

    async def _handle(self, request: Request, handler: Handler, call: Call) -> Outcome:
        chunks: list[bytes] = []
        try:
            with call:
                receiving = self._read_body(request, chunks)
                late = "the body did not arrive in time; send it faster or allow more time"
                body = await call.receive(receiving, late)
                call.watch(lambda: disconnected(request))
                return await handler(request, body, call)
        finally:
            self._bodies_bytes -= sum(map(len, chunks))

    def _check_length(self, request: Request) -> None:
        if declared_bytes(request) > self._limits.max_body_bytes:
            raise _too_large(self._limits.max_body_bytes)

    async def _read_body(self, request: Request, chunks: list[bytes]) -> bytes:
        limit = self._limits.max_body_bytes
        received, more = 0, True
        while more:
            event = await request.receive()
            if event["type"] == "http.disconnect":
                raise ServiceError(Condition.CANCELLED, "the client has left")
            chunk, more = event.get("body", b""), event.get("more_body", False)
            received += len(chunk)
            chunks.append(chunk)
            self._bodies_bytes += len(chunk)
            if received > limit:
                raise _too_large(limit)
            if self._bodies_bytes > _MAX_BODIES * limit:
                message = "too many large bodies are being received; ask again later"
                raise ServiceError(Condition.OVERLOADED, message)
        return b"".join(chunks)


def timeout_seconds(request: Request, default_seconds: float) -> float:
    """How long the caller will wait; raises `ServiceError` INVALID_ARGUMENT."""
    text = header(request, b"x-request-timeout-ms")
    if text is None:
        return default_seconds
    most_ms = round(1000 * MAX_TIMEOUT_SECONDS)
    if not (text.isascii() and text.isdigit() and 0 < int(text[:18]) <= most_ms):
        message = f"X-Request-Timeout-Ms is {text[:20]!r}; give 1..{most_ms}"
        raise ServiceError(Condition.INVALID_ARGUMENT, message)
    return int(text) / 1000


def declared_bytes(request: Request) -> int:
    """How long the body is said to be; 0 where nothing is said."""
    declared = header(request, b"content-length")
    return int(declared[:18]) if declared is not None and declared.isdigit() else 0


def header(request: Request, name: bytes) -> str | None:
    """A header by its lower-case name; the framework's own look-up takes several times as long."""
    for key, value in request.scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


async def disconnected(request: Request) -> None:
    """Return when the client leaves."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _too_large(limit: int) -> ServiceError:
    return ServiceError(Condition.LIMIT_EXCEEDED, f"the body is larger than {limit} bytes; send it in parts")


def _facts(outcome: Outcome, call: Call) -> dict[str, str]:
    queue, run, total = call.queue_us / 1e3, call.run_us / 1e3, call.elapsed_seconds * 1e3
    return {
        "X-Codec-Model": outcome.info.model,
        "X-Codec-Version": outcome.info.version,
        "X-Codec-Token-Space": outcome.info.token_space,
        "Server-Timing": f"queue;dur={queue:.3f}, run;dur={run:.3f}, total;dur={total:.3f}",
    }
