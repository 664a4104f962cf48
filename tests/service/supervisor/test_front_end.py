"""The real front end process under its keeper."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.config import ServeConfig
from service.supervisor.front_end import FrontEnd
from tests.service.supervisor.stage import NO_WORKERS, until


class Heard:
    """What a front end said, and how often it died."""

    def __init__(self, http_port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.deaths = 0
        config = ServeConfig(repository=Path("none"), http_port=http_port, grpc_port=0, metrics_port=0)
        self.front_end = FrontEnd("frontend", config, self._message, self._gone)

    def _message(self, front_end: FrontEnd, message: dict[str, Any]) -> None:
        self.messages.append(message)

    def _gone(self, front_end: FrontEnd) -> None:
        assert not front_end.is_ready
        self.deaths += 1


def ports(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [r.__dict__["http_port"] for r in caplog.records if r.message == "the front end listens"]


async def test_a_dead_front_end_is_replaced_and_told_the_routes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    heard = Heard()
    front_end = heard.front_end
    front_end.publish(NO_WORKERS)
    await until(lambda: front_end.is_ready)
    os.kill(front_end.pid, 9)
    await until(lambda: heard.deaths == 1)
    await until(lambda: front_end.is_ready)
    async with httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{ports(caplog)[1]}"
        assert (await client.get(f"{url}/health/live")).status_code == 200
        # The routes have come: the model is known, and has no worker.
        for _ in range(100):
            if (await client.get(f"{url}/models/tiny")).status_code == 503:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the new front end was not told the routes")
    began = asyncio.get_running_loop().time()
    await front_end.drain()
    assert asyncio.get_running_loop().time() - began < 5, "there was nothing to wait for"
    assert front_end.drained.is_set()
    await front_end.stop()
    assert heard.messages[0]["event"] == "report"


async def test_a_front_end_that_cannot_have_its_port_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        heard = Heard(http_port=taken.getsockname()[1])
        await until(lambda: heard.front_end.has_failed, 60.0)
        assert heard.deaths == 3
        await heard.front_end.stop()
