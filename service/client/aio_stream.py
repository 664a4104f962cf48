"""Live streams of the asynchronous client."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Coroutine
from functools import partial
from typing import Any

import grpc

from service.client.errors import ClientError, TryAgainError, from_rpc
from service.client.history import History, Piece
from service.client.persistence import Persistence
from service.client.streams import KEEP_ALIVE_SECONDS, Talk, gone

_LOST_STATUS = "Internal error from Core"
_RETRY_SECONDS = 1.0


async def converse(
    talk: Talk, pieces: AsyncIterable[Any], method: Any, resume_seconds: float
) -> AsyncIterator[Any]:
    """As in `service.client.blocking_stream`."""
    source = _Source(talk, pieces)
    persistence = Persistence(resume_seconds)
    try:
        while True:
            opened, ended = asyncio.Event(), asyncio.Event()
            call = method(_requests(talk, source, opened, ended, keeps=persistence.is_on))
            statuses: list[grpc.aio.AioRpcError] = []
            call.add_done_callback(partial(_note_status, statuses))
            try:
                async for response in call:
                    opened.set()
                    for chunk in talk.chunks(response):
                        persistence.answered()
                        yield chunk
                    if persistence.is_on:
                        source.history.forget(talk.needed_from(source.history))
                        if talk.is_leaving:
                            break
                if not talk.is_leaving:
                    return
                error: ClientError = gone()
            except grpc.aio.AioRpcError as lost:
                if source.error is not None:
                    raise source.error from lost
                error = _error_of(lost, statuses)
                error.__cause__ = lost
            finally:
                # The requests end by themselves; grpc.aio would leave them waiting for ever.
                ended.set()
                opened.set()
                call.cancel()
            await asyncio.sleep(persistence.delay_seconds(talk, error))
    finally:
        source.close()


class _Source:
    """The caller's input for one stream after the other; a stream that ends leaves it whole."""

    def __init__(self, talk: Talk, pieces: AsyncIterable[Any]) -> None:
        self.history = History()
        self.error: BaseException | None = None
        self._talk = talk
        self._pieces = aiter(pieces)
        self._is_done = False
        self._pulling: asyncio.Task[None] | None = None

    async def wait(self, position: int, ended: asyncio.Event) -> bool:
        """As in `service.client.blocking_stream`; also over when the stream has ended."""
        ending = asyncio.ensure_future(ended.wait())
        try:
            while position >= self.history.end and not self._is_done and not ended.is_set():
                if self._pulling is None or self._pulling.done():
                    self._pulling = asyncio.ensure_future(self._pull())
                # Were it awaited itself, a stream that ends would take the caller's iterator with it.
                done, _ = await asyncio.wait(
                    {self._pulling, ending},
                    timeout=KEEP_ALIVE_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    return False
            return True
        finally:
            ending.cancel()

    def after(self, position: int) -> Piece | None:
        """Input that was waited for; None at the end."""
        if self.error is not None:
            raise self.error
        return self.history.after(position) if position < self.history.end else None

    def close(self) -> None:
        """Ask the caller for no more."""
        if self._pulling is not None:
            self._pulling.cancel()

    async def _pull(self) -> None:
        try:
            self.history.append(self._talk.piece(await anext(self._pieces)))
        except StopAsyncIteration:
            self._is_done = True
        except BaseException as error:
            self._is_done, self.error = True, error


async def _requests(
    talk: Talk, source: _Source, opened: asyncio.Event, ended: asyncio.Event, *, keeps: bool
) -> AsyncIterator[Any]:
    """The requests of one stream."""
    yield talk.open(source.history)
    position = talk.position
    await opened.wait()
    while not talk.is_leaving:
        if not await source.wait(position, ended):
            yield talk.keep_alive()
            continue
        piece = None if ended.is_set() else source.after(position)
        if piece is None or talk.is_leaving:
            return
        yield talk.request(piece)
        position += piece.shape[-1]
        if not keeps:
            source.history.forget(position)


def _error_of(error: grpc.aio.AioRpcError, statuses: list[grpc.aio.AioRpcError]) -> ClientError:
    """The error that the end of a stream means.

    A write that is under way when a stream ends makes grpc.aio replace the status, whatever it was, with
    an INTERNAL of its own (grpc/grpc#36066); `statuses` has those before it.
    """
    if error.details() != _LOST_STATUS:
        return from_rpc(error)
    for status in statuses:
        if status.details() != _LOST_STATUS:
            return from_rpc(status)
    message = "the stream has ended while it was being written to; open it again"
    return TryAgainError("unavailable", message, _RETRY_SECONDS)


def _note_status(statuses: list[grpc.aio.AioRpcError], call: Any) -> None:
    """Called whenever the status of a call is set; what its coroutines return is there then."""
    code, initial, trailing, details = (
        _result(coroutine)
        for coroutine in (call.code(), call.initial_metadata(), call.trailing_metadata(), call.details())
    )
    statuses.append(grpc.aio.AioRpcError(code, initial, trailing, details))


def _result(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("grpc.aio waits for a status that it has")
