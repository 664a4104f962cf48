"""Streams of the asynchronous client that go on over lost workers and replaced versions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from service.client import AsyncClient, aio_stream
from service.config import Limits
from tests.service.client.disturbed import (
    CLIP,
    CODES,
    FRAMES,
    SELECTION,
    Disturbance,
    codes_of,
    samples_of,
    spoken,
)
from tests.service.echo_worker import DELAY_SAMPLES, HOP_SAMPLES
from tests.service.frontend.harness import Service, running


@pytest.mark.parametrize("kind", ["killed", "replaced"])
async def test_the_same_for_an_event_loop_and_for_tokens(fragile: Service, kind: str) -> None:
    disturb = Disturbance(fragile, kind)

    async def said() -> AsyncIterator[Any]:
        for start in range(0, FRAMES, 3):
            if start == 30:
                disturb()
            yield CODES[:, start : start + 3]

    async def whole() -> AsyncIterator[Any]:
        yield CODES

    async with AsyncClient(fragile.url, fragile.grpc_target) as client:
        decoding = client.stream_decode(said(), "space-a", resume_seconds=120)
        heard = samples_of([chunk async for chunk in decoding])
        expected = samples_of([chunk async for chunk in client.stream_decode(whole(), "space-a")])
    assert np.array_equal(heard, expected)


async def test_an_event_loop_encodes_and_reconstructs_over_a_killed_worker(fragile: Service) -> None:
    async def said() -> AsyncIterator[Any]:
        for piece in spoken(Disturbance(fragile, "killed")):
            yield piece

    async with AsyncClient(fragile.url, fragile.grpc_target) as client:
        encoding = client.stream_encode(said(), SELECTION, resume_seconds=120)
        codes = codes_of([chunk async for chunk in encoding])
        assert np.array_equal(codes[:, :FRAMES], CODES)
        reconstructing = client.stream_reconstruct(said(), SELECTION, resume_seconds=120)
        assert len(samples_of([chunk async for chunk in reconstructing])) == len(CLIP)


async def test_a_source_that_is_silent_for_long_keeps_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aio_stream, "KEEP_ALIVE_SECONDS", 0.3)

    async def halting() -> AsyncIterator[Any]:
        yield CODES[:, :20]
        await asyncio.sleep(4)
        yield CODES[:, 20:]

    with running(limits=Limits(idle_stream_seconds=1.5)) as service:
        async with AsyncClient(service.url, service.grpc_target) as client:
            chunks = [chunk async for chunk in client.stream_decode(halting(), "space-a")]
    assert len(samples_of(chunks)) == FRAMES * HOP_SAMPLES - DELAY_SAMPLES
