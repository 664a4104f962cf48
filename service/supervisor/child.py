"""One child process and the line of JSON messages to it."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from typing import Any

_LOG = logging.getLogger(__name__)
_TERM_SECONDS = 2.0
_MAX_LINE_BYTES = 1 << 20

Message = dict[str, Any]


class Child:
    """A `python -m MODULE --control-fd N` process in a session of its own.

    The control socket is its lifeline: it ends with the supervisor, however that ends, and the child
    then exits by itself. The exit of the child is seen at once, by waiting for the process.
    """

    def __init__(self, name: str, process: Process, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._writer = writer
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        name: str,
        module: str,
        environment: Mapping[str, str],
        first_message: Message,
        on_message: Callable[[Message], None],
        *,
        quietly: bool = False,
    ) -> "Child":
        """Start the process and send it its first message; `on_message` gets every line that it sends.

        `quietly`: with lower priority until it has imported everything.
        """
        run = ("-m", "service.quiet_start", module) if quietly else ("-m", module)
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *run, "--control-fd", str(theirs.fileno()),
                pass_fds=(theirs.fileno(),), start_new_session=True, env=environment,
            )  # fmt: skip
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_MAX_LINE_BYTES)
        child = cls(name, process, writer)
        child.send(first_message)
        child._reading = asyncio.create_task(child._read(reader, on_message))
        _LOG.info("started", extra={"child": name, "pid": child.pid})
        return child

    def send(self, message: Message) -> None:
        """Send a line; to a dead child it goes nowhere."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def wait(self) -> int:
        """The exit status once the process has ended; -N for a signal. All its messages are in by then."""
        status = await self._process.wait()
        if self._reading is not None:
            await self._reading
        self._writer.close()
        return status

    async def stop(self, patience_seconds: float) -> None:
        """Ask it to finish and exit; after `patience_seconds` tell it with SIGTERM, and then kill it."""
        self.send({"type": "stop"})
        ended = asyncio.ensure_future(self._process.wait())
        for number, seconds in ((signal.SIGTERM, patience_seconds), (signal.SIGKILL, _TERM_SECONDS)):
            done, _ = await asyncio.wait([ended], timeout=seconds)
            if done:
                return
            if seconds:
                _LOG.warning("does not stop", extra={"child": self.name, "then": number.name})
            self._signal(number)
        await ended

    def kill(self) -> None:
        """End it now."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is not None:
            return
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            _LOG.debug("has just ended", extra={"child": self.name, "pid": self.pid})

    async def _read(self, reader: asyncio.StreamReader, on_message: Callable[[Message], None]) -> None:
        try:
            while line := await reader.readline():
                on_message(json.loads(line))
        except ConnectionError as error:
            _LOG.debug("control line reset", extra={"child": self.name, "reason": str(error)})
        except ValueError as error:
            # It may hold what we handed it, but no longer speaks our language: a replacement will.
            _LOG.error("broken control line", extra={"child": self.name, "reason": str(error)})
            self.kill()


def describe_exit(status: int) -> str:
    """An exit status in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
