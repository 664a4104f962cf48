"""The operator's client against a real port."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, make_asgi_app

from codec.errors import InvalidRequestError, NotFoundError, RepositoryError
from service.admin.app import make_admin_app
from service.admin.client import AdminClient
from service.admin.schema import CanaryRequest, VersionChoice
from service.http_server import HttpServer
from tests.service.supervisor.stage import publish, until
from tests.service.supervisor.test_operator import Desk
from tests.support import free_port


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.theatre.close()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[AdminClient]:
    server = HttpServer.listen(make_admin_app(desk.operator), "127.0.0.1", 0, grace_seconds=1)
    serving = await server.start()
    with AdminClient(f"http://127.0.0.1:{server.port}") as client:
        yield client
    server.should_exit = True
    await serving


async def test_a_promoted_version_is_waited_for(desk: Desk, client: AdminClient) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    second = publish(desk.theatre.repository, desk.theatre.folder, "slow", take=2, channel="incoming")
    choice = await asyncio.to_thread(client.promote, "model", second.version, "")
    await asyncio.to_thread(client.wait_for, choice, 20.0)
    assert desk.theatre.serves(second)()
    choice = await asyncio.to_thread(client.rollback, "model", "stable")
    await asyncio.to_thread(client.wait_for, choice, 20.0)
    assert desk.theatre.serves(first)()
    status = await asyncio.to_thread(client.canary, "model", CanaryRequest(version=second.version, weight=1))
    assert status.canary.weight == 1
    assert (await asyncio.to_thread(client.check, "model")).name == "model"
    assert (await asyncio.to_thread(client.drain)).grace_seconds == 30


async def test_a_rejected_version_ends_the_waiting(desk: Desk, client: AdminClient) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    bad = publish(desk.theatre.repository, desk.theatre.folder, "reject", take=2, channel="incoming")
    choice = await asyncio.to_thread(client.promote, "model", bad.version, "")
    with pytest.raises(RepositoryError, match="was rejected at golden: as told"):
        await asyncio.to_thread(client.wait_for, choice, 20.0)
    never = VersionChoice(model="model", channel="stable", version="9-0123456789ab", generation=9)
    with pytest.raises(RepositoryError, match="does not serve after"):
        await asyncio.to_thread(client.wait_for, never, 0.3)


async def test_refusals_carry_the_words_of_the_service(desk: Desk, client: AdminClient) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    with pytest.raises(NotFoundError, match="other is not served; there is: model"):
        await asyncio.to_thread(client.check, "other")
    with pytest.raises(InvalidRequestError, match="no version of model has served on stable before"):
        await asyncio.to_thread(client.rollback, "model", "")


async def test_nothing_or_something_else_at_the_port_is_told() -> None:
    with (
        AdminClient(f"http://127.0.0.1:{free_port()}") as client,
        pytest.raises(NotFoundError, match="no service answers"),
    ):
        client.status()
    server = HttpServer.listen(make_asgi_app(CollectorRegistry()), "127.0.0.1", 0, grace_seconds=1)
    serving = await server.start()
    with (
        AdminClient(f"http://127.0.0.1:{server.port}") as client,
        pytest.raises(InvalidRequestError, match="does not answer as a codecd admin port"),
    ):
        await asyncio.to_thread(client.status)
    server.should_exit = True
    await serving
