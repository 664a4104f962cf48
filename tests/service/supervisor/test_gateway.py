"""Several real front ends on one port, and what they agree on."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.config import ServeConfig
from service.supervisor.gateway import Gateway
from tests.service.supervisor.stage import NO_WORKERS, until
from tests.support import free_port

DRAINING: dict[str, Any] = {
    "type": "routes",
    "models": [
        {
            "name": "tiny",
            "workers": [{"id": "w1", "socket": "/nowhere", "version": "1-0123456789ab", "draining": True}],
            "rejected": [],
            "channels": {"stable": ""},
            "canary": None,
        }
    ],
    "default_model": "tiny",
    "draining": False,
}


class Owner:
    """Notes what the gateway says."""

    def __init__(self) -> None:
        self.idle: list[str] = []
        self.done: list[tuple[str, str, int, int]] = []

    def worker_idle(self, worker: str) -> None:
        self.idle.append(worker)

    def outcomes(self, model: str, version: str, done: int, failed: int) -> None:
        self.done.append((model, version, done, failed))

    def changed(self) -> None:
        pass


def make(owner: Owner, frontends: int, http_port: int = 0, metrics_port: int = 0) -> Gateway:
    config = ServeConfig(
        repository=Path("none"), http_port=http_port, grpc_port=0, metrics_port=metrics_port,
        frontends=frontends,
    )  # fmt: skip
    return Gateway(config, owner)


def listening(gateway: Gateway) -> list[int]:
    """The processes that listen."""
    return [process["pid"] for process in gateway.processes() if process["ready"]]


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Gateway, Owner, int]]:
    owner = Owner()
    metrics_port = free_port()
    gateway = make(owner, 2, metrics_port=metrics_port)
    gateway.publish(NO_WORKERS)
    await until(lambda: len(listening(gateway)) == 2)
    yield gateway, owner, metrics_port
    await gateway.stop()


def _said(gateway: Gateway, number: int, message: dict[str, Any]) -> None:
    """Have a front end say something, as it would over its socket."""
    gateway._heard(gateway._front_ends[number], message)


async def test_front_ends_share_ports_and_one_that_is_killed_comes_back_while_the_other_serves(
    pair: tuple[Gateway, Owner, int], caplog: pytest.LogCaptureFixture
) -> None:
    gateway, _, metrics_port = pair
    url = f"http://127.0.0.1:{gateway._reserved[0].getsockname()[1]}"
    killed, stays = listening(gateway)
    os.kill(killed, 9)
    await until(lambda: listening(gateway) == [stays])
    async with httpx.AsyncClient() as client:
        for _ in range(5):
            assert (await client.get(f"{url}/health/live", headers={"Connection": "close"})).is_success
        assert (await client.get(f"http://127.0.0.1:{metrics_port + 1}/metrics")).is_success
        await until(lambda: len(listening(gateway)) == 2)
        assert killed not in listening(gateway)
        for offset in (0, 1):
            assert (await client.get(f"http://127.0.0.1:{metrics_port + offset}/metrics")).is_success
    began = asyncio.get_running_loop().time()
    await gateway.drain()
    assert asyncio.get_running_loop().time() - began < 5
    assert all(front_end.drained.is_set() for front_end in gateway._front_ends)


async def test_all_front_ends_tell_when_channels_were_read(pair: tuple[Gateway, Owner, int]) -> None:
    gateway, _, metrics_port = pair
    gateway.tell_read_at({"tiny": {"stable": 1.7e9}})
    wanted = 'codec_registry_last_success_timestamp_seconds{channel="stable",model="tiny"} 1.7e+09'
    urls = [f"http://127.0.0.1:{port}/metrics" for port in (metrics_port, metrics_port + 1)]
    await until(lambda: all(wanted in httpx.get(url).text for url in urls))


async def test_front_ends_agree_on_what_is_idle_and_add_up_their_loads(
    pair: tuple[Gateway, Owner, int],
) -> None:
    gateway, owner, _ = pair
    gateway.publish(DRAINING)
    _said(gateway, 0, {"event": "idle", "worker": "w1", "routes": 2})
    _said(gateway, 1, {"event": "idle", "worker": "w1", "routes": 1})
    assert owner.idle == [], "the second one spoke of a table in which the worker did not drain"
    _said(gateway, 1, {"event": "idle", "worker": "w1", "routes": 2})
    assert owner.idle == ["w1"]
    outcomes = [{"model": "tiny", "version": "1-a", "done": 5, "failed": 1}]
    for number in (0, 1):
        load = {"w1": {"streams": 2, "jobs": number}}
        _said(gateway, number, {"event": "report", "workers": load, "outcomes": outcomes})
    assert gateway.load("w1") == {"streams": 4, "jobs": 1}
    assert gateway.load("w2") == {"streams": 0, "jobs": 0}
    assert owner.done == [("tiny", "1-a", 5, 1)] * 2
    _said(gateway, 0, {"event": "idle", "worker": "w1", "routes": 2})
    os.kill(listening(gateway)[1], 9)
    # A dead front end has no say: what it had has died with it.
    await until(lambda: owner.idle == ["w1", "w1"], 10.0)
    assert gateway.load("w1") == {"streams": 2, "jobs": 0}


async def test_ports_that_others_share_are_not_taken_over() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        gateway = make(Owner(), 2, http_port=other.getsockname()[1])
        assert gateway.has_failed
        assert gateway.processes() == []
        await gateway.drain()
        await gateway.stop()
