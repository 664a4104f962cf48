"""An HTTP server that lives in an event loop among other things."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from service.http_protocol import BoundedProtocol, ConnectionBounds

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 60
_PING_SECONDS = 30
_START_CHECK_SECONDS = 0.01
_ALWAYS: dict[str, Any] = {
    "loop": "none",
    "ws_ping_interval": _PING_SECONDS,
    "ws_ping_timeout": _PING_SECONDS,
    "ws_per_message_deflate": False,
    "lifespan": "off",
    "access_log": False,
    "log_level": "warning",
    "server_header": False,
    "backlog": _BACKLOG,
    "timeout_keep_alive": _KEEP_ALIVE_SECONDS,
}


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: the supervisor says when to stop.

    `port` is the one listened on, which the system has chosen if the configuration said 0.
    """

    port = 0
    _reuse_port = False

    @classmethod
    def listen(
        cls,
        app: ASGIApp,
        host: str,
        port: int,
        grace_seconds: float,
        tls: ssl.SSLContext | None = None,
        *,
        reuse_port: bool = False,
        websocket: type[asyncio.Protocol] | None = None,
        websocket_bytes: int = 0,
        bounds: ConnectionBounds | None = None,
    ) -> "HttpServer":
        """A server of `app`, not yet started; logs no accesses, they cost more than the parsing.

        `reuse_port`: other processes listen on the port as well, and the system shares connections out.
        `websocket`: serves WebSockets, with messages of at most `websocket_bytes`; None = there are none.
        `bounds`: of every connection.
        """
        config = uvicorn.Config(
            app,
            host,
            port,
            http=BoundedProtocol.bounded(bounds or ConnectionBounds()),
            ws=websocket or "none",
            ws_max_size=websocket_bytes,
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
            ssl_context_factory=None if tls is None else lambda *_: tls,
            **_ALWAYS,
        )
        server = cls(config)
        server._reuse_port = reuse_port
        return server

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Overrides uvicorn's handling of signals."""
        yield

    async def start(self) -> asyncio.Task[None]:
        """Listen, and serve in the task returned. Raises `OSError` if the port is taken."""
        host, port = self.config.host, self.config.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            # uvicorn would end the process where it cannot listen.
            listener = socket.create_server(
                (host, port), family=family, backlog=_BACKLOG, reuse_port=self._reuse_port
            )
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port} for HTTP: {error}") from error
        self.port = int(listener.getsockname()[1])
        task = asyncio.ensure_future(self.serve(sockets=[listener]))
        while not self.started:
            await asyncio.sleep(_START_CHECK_SECONDS)
        return task
