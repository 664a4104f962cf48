"""One front end process: kept running, told the routes, asked to drain at the end."""

import asyncio
import logging
import os
from collections.abc import Callable

from service.config import ServeConfig
from service.supervisor.backoff import keep_running
from service.supervisor.child import Child, Message, describe_exit

_LOG = logging.getLogger(__name__)
_STOP_SECONDS = 5.0
_MAX_FAILED_STARTS = 3


class FrontEnd:
    """Starts the process, and another when it dies.

    One that dies three times before it was ever ready, because its port is taken for instance, is given
    up: `has_failed` is set. `is_ready`: it listens. `on_message` gets what it says, `on_gone` is called
    whenever it has died.
    """

    def __init__(
        self,
        name: str,
        config: ServeConfig,
        on_message: Callable[["FrontEnd", Message], None],
        on_gone: Callable[["FrontEnd"], None],
    ) -> None:
        self.name = name
        self.is_ready = False
        self.has_failed = False
        self.drained = asyncio.Event()
        self._config = config
        self._on_message = on_message
        self._on_gone = on_gone
        self._child: Child | None = None
        self._routes: Message | None = None
        self._failed_starts = 0
        self._retired = asyncio.Event()
        self._task = asyncio.create_task(keep_running(name, self._run_once, self._retired))

    @property
    def pid(self) -> int:
        """The process that runs now, 0 while there is none."""
        return self._child.pid if self._child is not None else 0

    def publish(self, routes: Message) -> None:
        """Send the routes, now and to every process that follows."""
        self._routes = routes
        self.send(routes)

    def send(self, message: Message) -> None:
        """Tell the process something, if there is one."""
        if self._child is not None:
            self._child.send(message)

    async def drain(self) -> None:
        """Refuse new work; returns when the present work has ended."""
        self._retired.set()
        if self._child is None:
            return
        self.send({"type": "drain", "grace_seconds": self._config.grace_seconds})
        drained = asyncio.create_task(self.drained.wait())
        await asyncio.wait([drained, self._task], return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()

    async def stop(self) -> None:
        """End the process, and start no other."""
        self._retired.set()
        if self._child is not None:
            await self._child.stop(_STOP_SECONDS)
        await self._task

    def kill(self) -> None:
        """End the process now, and start no other."""
        self._retired.set()
        if self._child is not None:
            self._child.kill()

    async def _run_once(self) -> int:
        config = self._config.to_message()
        child = await Child.start(self.name, "service.frontend", os.environ, config, self._heard)
        self._child = child
        if self._retired.is_set():
            await child.stop(0)
        if self._routes is not None:
            child.send(self._routes)
        try:
            status = await child.wait()
        finally:
            self._child = None
        self._failed_starts = 0 if self.is_ready else self._failed_starts + 1
        self.is_ready = False
        if self._failed_starts == _MAX_FAILED_STARTS and not self._retired.is_set():
            _LOG.error(
                "the front end cannot start", extra={"child": self.name, "exit": describe_exit(status)}
            )
            self.has_failed = True
            self._retired.set()
        self._on_gone(self)
        return status

    def _heard(self, message: Message) -> None:
        event = message.get("event")
        if event == "ready":
            self.is_ready = True
            ports = {name: value for name, value in message.items() if name != "event"}
            _LOG.info("the front end listens", extra={"child": self.name, **ports})
        elif event == "drained":
            self.drained.set()
        else:
            self._on_message(self, message)
