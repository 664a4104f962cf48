"""Live streams of the blocking client."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import grpc

from service.client.errors import ClientError, from_rpc
from service.client.history import History, Piece
from service.client.persistence import Persistence
from service.client.streams import KEEP_ALIVE_SECONDS, Talk, gone


def converse(talk: Talk, pieces: Iterable[Any], method: Any, resume_seconds: float) -> Iterator[Any]:
    """Send pieces and yield what comes back, until both sides are done.

    A stream that is lost or sent away is opened again for up to `resume_seconds`. Raises `ClientError`.
    """
    source = _Source(talk, pieces)
    try:
        yield from _converse(talk, source, method, Persistence(resume_seconds))
    finally:
        source.close()


def _converse(talk: Talk, source: "_Source", method: Any, persistence: Persistence) -> Iterator[Any]:
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
    """The caller's input for one stream after the other; a thread of its own asks for it, piece by piece."""

    def __init__(self, talk: Talk, pieces: Iterable[Any]) -> None:
        self.history = History()
        self.error: Exception | None = None
        self._talk = talk
        self._pieces = iter(pieces)
        self._is_wanted = self._is_done = self._is_closed = False
        self._changed = threading.Condition()
        threading.Thread(target=self._pull_on_demand, name="stream input", daemon=True).start()

    def wait(self, position: int) -> bool:
        """Wait for input from an item on, or the end; False if neither comes for `KEEP_ALIVE_SECONDS`."""
        with self._changed:
            if self._is_there(position):
                return True
            self._is_wanted = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._is_there(position), KEEP_ALIVE_SECONDS)

    def after(self, position: int) -> Piece | None:
        """Input that was waited for; None at the end."""
        with self._changed:
            if self.error is not None:
                raise self.error
            return self.history.after(position) if position < self.history.end else None

    def open(self) -> Any:
        """The first request of a stream."""
        with self._changed:
            return self._talk.open(self.history)

    def forget(self, before: int | None = None) -> None:
        """Drop what no stream will need."""
        with self._changed:
            self.history.forget(self._talk.needed_from(self.history) if before is None else before)

    def close(self) -> None:
        """Ask the caller for no more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _is_there(self, position: int) -> bool:
        return position < self.history.end or self._is_done

    def _pull_on_demand(self) -> None:
        while not self._is_done:
            with self._changed:
                self._changed.wait_for(lambda: self._is_wanted or self._is_closed)
                if self._is_closed:
                    return
            self._pull()

    def _pull(self) -> None:
        piece: Piece | None
        error: Exception | None
        try:
            piece, error = self._talk.piece(next(self._pieces)), None
        except StopIteration:
            piece = error = None
        except Exception as raised:
            piece, error = None, raised
        with self._changed:
            if piece is None:
                self._is_done, self.error = True, error
            else:
                self.history.append(piece)
                # Nothing is no answer.
                self._is_wanted = not piece.shape[-1]
            self._changed.notify_all()


def _requests(talk: Talk, source: _Source, *, keeps: bool) -> Iterator[Any]:
    """The requests of one stream."""
    yield source.open()
    position = talk.position
    while not talk.is_leaving:
        if not source.wait(position):
            yield talk.keep_alive()
            continue
        piece = source.after(position)
        if piece is None or talk.is_leaving:
            return
        yield talk.request(piece)
        position += piece.shape[-1]
        if not keeps:
            source.forget(position)
