"""uvicorn's HTTP/1.1, with bounds on what a connection costs before its request and after its answer."""

import asyncio
import json
import math
import random
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http_answer import AnswerTransport


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """What a connection may take.

    `head_seconds`, `head_bytes`: for request line and headers, and trailers; `rest_seconds`: for the rest of
    a body that was answered before its end; `slow_seconds`: in which a client has to read `slow_bytes` of a
    waiting answer; `connections`: of one process, all beyond are refused; `age_seconds`: after which, give or
    take a tenth, an answer is the last one of its connection.
    """

    head_seconds: float = 15.0
    head_bytes: int = 1 << 16
    rest_seconds: float = 5.0
    slow_seconds: float = 10.0
    slow_bytes: int = 1 << 16
    connections: int = 4096
    age_seconds: float = math.inf


class BoundedProtocol(HttpToolsProtocol):
    """Closes the connections of clients that take too long or send too much; its `on_…` methods are called by
    the parser."""

    def __init__(self, bounds: ConnectionBounds, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._bounds = bounds
        self._waiting: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._in_head = True
        self._is_whole = True
        self._head_bytes = 0
        self._aged_at = math.inf
        self._resumes = False
        self._is_ending = False

    @classmethod
    def bounded(cls, bounds: ConnectionBounds) -> Any:
        """What uvicorn makes its protocols with."""
        return partial(cls, bounds)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Part of `asyncio.Protocol`."""
        super().connection_made(transport)
        # Connections that came together must not all come again together; no secret depends on it.
        self._aged_at = self.loop.time() + self._bounds.age_seconds * random.uniform(0.9, 1.1)
        if len(self.connections) > self._bounds.connections:
            self._refuse("503 Service Unavailable", "overloaded", "too many connections; come again later")
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of `asyncio.Protocol`."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of `asyncio.Protocol`."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes:
            if self._head_bytes > self._bounds.head_bytes:
                self._refuse_head()
            elif self._waiting is None:
                self._wait_for_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Part of the parser's protocol; trailers come here too."""
        if not self._in_head:
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > self._bounds.head_bytes:
                self._refuse_head()
                return
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Part of the parser's protocol."""
        if self._is_ending:
            return
        self._stop_waiting()
        self._in_head, self._is_whole, self._resumes = False, False, False
        self._head_bytes = 0
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            answer = AnswerTransport(self.transport, self.loop, self._end)
            self.cycle.transport = cast(asyncio.Transport, answer)
            if self.loop.time() >= self._aged_at:
                self.cycle.keep_alive = False
            if self.expect_100_continue:
                # After an early answer the next request may come in place of the body, and be taken for it.
                self._resumes, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_message_complete(self) -> None:
        """Part of the parser's protocol."""
        self._stop_waiting()
        self._in_head, self._is_whole = True, True
        self._head_bytes = 0
        if self._is_ending:
            self.transport.close()
        elif self._resumes and not self.cycle.response_started:
            self.cycle.keep_alive = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Part of uvicorn's protocol: the answer is given, if not yet read."""
        super().on_response_complete()
        if not self._is_whole and not self.transport.is_closing():
            self._waiting = self.loop.call_later(self._bounds.rest_seconds, self.transport.abort)

    def shutdown(self) -> None:
        """Part of uvicorn's protocol: an answer under way is the last one."""
        self._resumes = False
        super().shutdown()

    def pause_writing(self) -> None:
        """Part of `asyncio.Protocol`: more of an answer waits than the socket takes."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Part of `asyncio.Protocol`."""
        self._stop_watching()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Part of uvicorn's protocol, in the form of all our errors."""
        self._refuse("400 Bad Request", "invalid_argument", f"{msg} Send HTTP/1.1; see /docs")

    def _end(self) -> None:
        """Close the connection; where a body is still coming not before its end, within bounds.

        What arrives at a closed socket is answered by a reset, and takes the answer with it before the client
        has read it.
        """
        if self._is_whole:
            self.transport.close()
            return
        self._is_ending = True
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(self._bounds.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        seconds = f"{self._bounds.head_seconds:g} s"
        self._refuse("408 Request Timeout", "deadline_exceeded", f"no whole request head within {seconds}")

    def _refuse_head(self) -> None:
        message = f"the request head is larger than {self._bounds.head_bytes} bytes; send a smaller one"
        self._refuse("431 Request Header Fields Too Large", "limit_exceeded", message)

    def _refuse(self, status: str, code: str, message: str) -> None:
        if self._is_ending:
            self.transport.abort()
        if self.transport.is_closing():
            return
        body = json.dumps({"error": {"code": code, "message": message}})
        self.transport.write(
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}".encode()
        )
        self.transport.close()

    def _watch(self, before: int) -> None:
        self._stop_watching()
        self._slow = self.loop.call_later(self._bounds.slow_seconds, self._check_progress, before)

    def _check_progress(self, before: int) -> None:
        now = self.transport.get_write_buffer_size()
        if before - now < self._bounds.slow_bytes:
            self.transport.abort()
        else:
            self._watch(now)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _stop_watching(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
