"""`POST /batch/encode` and `/batch/decode`: a tar of files in, a tar of answers out."""

import asyncio
import logging
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.config import Limits
from service.frontend.access import calling
from service.frontend.batch_run import Batch, BatchJob, BatchRoom, BatchSettings
from service.frontend.http_errors import error_response
from service.frontend.http_request import MAX_TIMEOUT_SECONDS, RequestRunner, header, timeout_seconds
from service.frontend.intake import AudioBody
from service.frontend.metrics import Metrics
from service.frontend.queries import decode_query, encode_query
from service.frontend.rest import RestApi
from service.frontend.router import Router
from service.frontend.tar_stream import END
from service.request_context import begin_request
from service.status import ServiceError

logger = logging.getLogger(__name__)

TAR_TYPE = "application/x-tar"

# Files that all batches hold together, in bodies of the largest size.
_ROOM_BODIES = 4
# Decoded audio is so many times larger than tokens at a usual bitrate.
_DECODED_TIMES = 64
_DECODED_ENDINGS = {"wav": ".wav", "flac": ".flac", "pcm_s16le": ".s16le", "pcm_f32le": ".f32le"}


class BatchApi:
    """Handlers of many small files in one request; see docs/batch.md."""

    def __init__(
        self, rest: RestApi, router: Router, runner: RequestRunner, metrics: Metrics, limits: Limits
    ) -> None:
        self._rest = rest
        self._router = router
        room = BatchRoom(_ROOM_BODIES * limits.max_body_bytes)
        self._settings = BatchSettings(limits, metrics, room, lambda: runner.draining)

    async def encode(self, request: Request) -> Response:
        """Audio files in, token files out."""
        return _answer(request, self._encode_job, self._settings)

    async def decode(self, request: Request) -> Response:
        """Token files in, audio files out."""
        return _answer(request, self._decode_job, self._settings)

    def _encode_job(self, query_string: bytes) -> BatchJob:
        query = encode_query(query_string)
        self._router.resolve(query.selector)
        return BatchJob(
            "encode",
            lambda content, call: self._rest.encode_body(query, AudioBody(content), call),
            lambda name: f"{name}.{query.format}",
            held_times=1,
        )

    def _decode_job(self, query_string: bytes) -> BatchJob:
        query = decode_query(query_string)
        ending = _DECODED_ENDINGS[query.format]
        return BatchJob(
            "decode",
            lambda content, call: self._rest.decode_body(query, content, call),
            lambda name: name.removesuffix(".cdc").removesuffix(ending) + ending,
            held_times=_DECODED_TIMES,
        )


class BatchResponse(Response):
    """Answers while files still come."""

    def __init__(
        self, batch: Batch, request: Request, headers: dict[str, str], slow_reader_seconds: float
    ) -> None:
        super().__init__(None, 200, headers, TAR_TYPE)
        # How long it will be is not known.
        del self.headers["content-length"]
        self._batch = batch
        self._request = request
        self._slow_reader_seconds = slow_reader_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def write(content: bytes) -> None:
            async with asyncio.timeout(self._slow_reader_seconds):
                await send({"type": "http.response.body", "body": content, "more_body": True})

        try:
            await self._batch.run(self._request, write)
        except* (ClientDisconnect, TimeoutError):
            # To whoever has left, or takes nothing, nothing can be told. The answer stays without its end.
            logger.info("a batch has ended early: its client has left or does not read")
        else:
            await send({"type": "http.response.body", "body": END})


def _answer(request: Request, make_job: Callable[[bytes], BatchJob], settings: BatchSettings) -> Response:
    """The answer to a batch, or to what asks for none."""
    headers = {"X-Request-Id": begin_request(header(request, b"x-request-id"))}
    caller = calling()
    try:
        job = make_job(request.scope["query_string"])
        caller.begin(job.operation)
        batch = Batch(job, caller, settings, timeout_seconds(request, MAX_TIMEOUT_SECONDS))
    except ServiceError as error:
        return error_response(error, headers)
    return BatchResponse(batch, request, headers, settings.limits.slow_reader_seconds)
