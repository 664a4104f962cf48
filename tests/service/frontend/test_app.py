"""Routes, health and docs over real sockets."""

import httpx

from tests.service.frontend.harness import Service, wav


def test_health_and_docs(service: Service) -> None:
    for path in ("live", "ready", "startup"):
        assert service.get(f"/health/{path}").json() == {"status": "ok"}
    assert "codecd" in service.get("/docs").text


def test_the_fast_lane_and_the_framework_know_the_same_routes(service: Service) -> None:
    paths = service.get("/openapi.json").json()["paths"]
    for path in ("/encode", "/decode", "/reconstruct"):
        assert list(paths[path]) == ["post"]
        assert httpx.post(service.url + path, content=b"").json()["error"]["code"] == "invalid_argument"
        assert httpx.get(service.url + path).status_code == 405
    assert {"/models", "/models/{name}", "/health/ready"} <= paths.keys()


def test_a_path_with_a_slash_too_many_is_still_a_json_error(service: Service) -> None:
    response = httpx.post(service.url + "/encode/", content=wav(0.1), follow_redirects=False)
    assert response.status_code in (307, 404)
    assert httpx.post(service.url + "//encode", content=wav(0.1)).json()["error"]["code"] == "not_found"
