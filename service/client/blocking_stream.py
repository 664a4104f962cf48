"""Live streams of the blocking client."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import grpc

from service.client.errors import ClientError, from_rpc
from service.client.history import History, Piece
from service.client.persistence import Persistence
from service.client.streams import Talk, gone


def converse(talk: Talk, pieces: Iterable[Any], method: Any, resume_seconds: float) -> Iterator[Any]:
    """Send pieces and yield what comes back, until both sides are done.

    A stream that is lost or sent away is opened again for up to `resume_seconds`. Raises `ClientError`.
    """
    source = _Source(talk, pieces)
    persistence = Persistence(resume_seconds)
    while True:
        call = method(_requests(talk, source, keeps=persistence.is_on))
        try:
            for response in call:
                for chunk in talk.chunks(response):
                    persistence.answered()
                    yield chunk
                if persistence.is_on:
                    source.forget()
                    if talk.is_leaving:
                        break
            if not talk.is_leaving:
                return
            error: ClientError = gone()
        except grpc.RpcError as lost:
            if source.error is not None:
                raise source.error from lost
            error = from_rpc(lost)
            error.__cause__ = lost
        finally:
            call.cancel()
        time.sleep(persistence.delay_seconds(talk, error))


class _Source:
    """The caller's input for one stream after the other; gRPC reads it in threads of its own."""

    def __init__(self, talk: Talk, pieces: Iterable[Any]) -> None:
        self.history = History()
        self.error: Exception | None = None
        self._talk = talk
        self._pieces = iter(pieces)
        self._is_done = False
        # The thread of a lost stream may still be waiting for the caller's next piece.
        self._pulling = threading.Lock()
        self._keeping = threading.Lock()

    def after(self, position: int) -> Piece | None:
        """Input from an item on; None at the end."""
        with self._pulling:
            while position >= self.history.end and not self._is_done:
                self._pull()
        with self._keeping:
            return self.history.after(position) if position < self.history.end else None

    def open(self) -> Any:
        """The first request of a stream."""
        with self._keeping:
            return self._talk.open(self.history)

    def forget(self, before: int | None = None) -> None:
        """Drop what no stream will need."""
        with self._keeping:
            self.history.forget(self._talk.needed_from(self.history) if before is None else before)

    def _pull(self) -> None:
        try:
            piece = self._talk.piece(next(self._pieces))
        except StopIteration:
            self._is_done = True
            return
        except Exception as error:
            self._is_done, self.error = True, error
            raise
        with self._keeping:
            self.history.append(piece)


def _requests(talk: Talk, source: _Source, *, keeps: bool) -> Iterator[Any]:
    """The requests of one stream."""
    yield source.open()
    position = talk.position
    while (piece := source.after(position)) is not None and not talk.is_leaving:
        yield talk.request(piece)
        position += piece.shape[-1]
        if not keeps:
            source.forget(position)
