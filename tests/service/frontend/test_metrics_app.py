"""The metrics page is the library's, and the loop turns while it is written."""

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, make_asgi_app

from service.frontend.metrics_app import metrics_app


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    for number in range(20):
        Counter(f"things_{number}", "Things", ("kind",), registry=made).labels("odd").inc(number)
    Histogram("seconds", "Time", registry=made).observe(0.2)
    return made


def client(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")  # type: ignore[arg-type]


@pytest.mark.parametrize("accept", ["", "text/plain", "application/openmetrics-text; version=1.0.0"])
@pytest.mark.parametrize("query", ["", "?name[]=things_3_total&name[]=seconds_count", "?name[]=nothing"])
async def test_the_page_is_that_of_the_library(accept: str, query: str) -> None:
    metrics = registry()
    async with client(metrics_app(metrics)) as own, client(make_asgi_app(metrics)) as library:
        pages = [await one.get(f"/metrics{query}", headers={"accept": accept}) for one in (own, library)]
    assert pages[0].status_code == 200
    assert pages[0].text == pages[1].text
    assert pages[0].headers["content-type"] == pages[1].headers["content-type"]


async def test_the_loop_turns_between_two_metrics() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    async with client(metrics_app(registry())) as asking:
        await asking.get("/metrics")
    task.cancel()
    assert turns > 20
