"""The real front end under its keeper."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.config import ServeConfig
from service.supervisor.gateway import Gateway
from tests.service.supervisor.stage import until

NO_WORKERS = {"type": "routes", "models": [], "default_model": "tiny", "draining": False}


def make(http_port: int = 0) -> Gateway:
    config = ServeConfig(repository=Path("none"), http_port=http_port, grpc_port=0, metrics_port=0)
    return Gateway(config, lambda worker: None, lambda: None)


def listens(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The ports of the front ends that got ready."""
    return [r.__dict__["http_port"] for r in caplog.records if r.message == "the front end listens"]


@pytest.fixture
async def gateway(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Gateway]:
    caplog.set_level("INFO")
    gateway = make()
    gateway.publish(NO_WORKERS)
    yield gateway
    await gateway.stop()


async def test_a_dead_front_end_is_replaced_and_told_the_routes(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    await until(lambda: listens(caplog))
    started = [r.__dict__["pid"] for r in caplog.records if r.message == "started"]
    os.kill(started[0], 9)
    await until(lambda: len(listens(caplog)) == 2)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{listens(caplog)[1]}/health/live")
    assert answer.status_code == 200
    before = asyncio.get_running_loop().time()
    await gateway.drain()
    assert asyncio.get_running_loop().time() - before < 5, "there was nothing to wait for"


async def test_a_front_end_that_cannot_have_its_port_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = make(http_port=taken.getsockname()[1])
        await until(lambda: gateway.has_failed, 60.0)
        await gateway.stop()
