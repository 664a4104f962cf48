"""The admin interface over HTTP: answers, errors, documentation."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.admin.app import make_admin_app
from service.admin.schema import ModelStatus, Problem, ServiceStatus, VersionChoice
from tests.service.supervisor.stage import publish, until
from tests.service.supervisor.test_operator import Desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.theatre.close()


@pytest.fixture
async def http(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_admin_app(desk.operator))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8002") as client:
        yield client


async def test_versions_are_moved_and_shown(desk: Desk, http: httpx.AsyncClient) -> None:
    first = desk.theatre.publish("serve", 1)
    await until(desk.theatre.serves(first))
    second = publish(desk.theatre.repository, desk.theatre.folder, "serve", take=2, channel="incoming")
    answer = await http.post("/admin/models/model/promote", json={"version": second.version})
    choice = VersionChoice.model_validate_json(answer.content)
    assert (choice.channel, choice.version) == ("stable", second.version)
    await until(desk.theatre.serves(second))
    status = ServiceStatus.model_validate_json((await http.get("/admin/models")).content)
    assert [channel.serving for channel in status.models[0].channels] == [second.version]
    answer = await http.post("/admin/models/model/rollback", json={})
    assert VersionChoice.model_validate_json(answer.content).version == first.version
    answer = await http.post("/admin/models/model/canary", json={"version": second.version, "weight": 0.5})
    assert ModelStatus.model_validate_json(answer.content).canary.weight == 0.5
    answer = await http.post("/admin/models/model/check")
    assert ModelStatus.model_validate_json(answer.content).name == "model"
    answer = await http.post("/admin/drain")
    assert (answer.status_code, answer.json()) == (202, {"draining": True, "grace_seconds": 30.0})


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("other/check", {}, 404, "other is not served"),
        ("model/promote", {"version": "9-0123456789ab"}, 404, "no version '9-0123456789ab'"),
        ("model/promote", {"version": "../../etc"}, 400, "version: String should match"),
        ("model/promote", {}, 400, "version: Field required"),
        ("model/rollback", {"versions": 3}, 400, "versions: Extra inputs"),
        ("model/rollback", {}, 400, "no version of model has served on stable before"),
        ("model/canary", {"weight": 1.5}, 400, "weight: Input should be less than or equal to 1"),
        ("model/nothing", {}, 404, "there is no /admin/models/model/nothing"),
    ],
)
async def test_what_cannot_be_done_is_said(
    desk: Desk, http: httpx.AsyncClient, path: str, body: dict[str, object], status: int, message: str
) -> None:
    desk.theatre.publish("serve", 1)
    answer = await http.post(f"/admin/models/{path}", json=body)
    assert answer.status_code == status
    assert message in Problem.model_validate_json(answer.content).error.message


async def test_pages_of_others_steer_nothing(desk: Desk, http: httpx.AsyncClient) -> None:
    answer = await http.post("/admin/drain", headers={"Origin": "http://example.org"})
    assert answer.status_code == 403
    assert "may not steer" in Problem.model_validate_json(answer.content).error.message
    answer = await http.post("/admin/drain", headers={"Host": "example.org:8002"})
    assert answer.status_code == 400
    assert desk.drained == 0
    answer = await http.post("/admin/drain", headers={"Origin": "http://127.0.0.1:8002"})
    assert answer.status_code == 202


async def test_everything_is_documented(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    assert {"/admin/models", "/admin/models/{model}/promote", "/admin/drain"} <= document["paths"].keys()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation["description"] for operation in operations)
    assert (await http.get("/docs")).status_code == 200
