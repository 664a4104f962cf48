"""The asynchronous client against a running service."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from service.client import AsyncClient, PcmInput, RefusedError, Selection, TokenChunk, TryAgainError
from tests.service.echo_worker import frames_of
from tests.service.frontend.harness import Service, tone, wav
from tests.support import free_ports


@pytest_asyncio.fixture
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    """Connections to the service."""
    async with AsyncClient(service.url, service.grpc_target) as client:
        yield client


async def _pieces(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> AsyncIterator[PcmInput]:
    for start in range(0, len(samples), 1280):
        yield samples[start : start + 1280]
        await asyncio.sleep(0)


async def test_files_go_there_and_back(client: AsyncClient) -> None:
    tokens = await client.encode(wav(0.5), Selection(n_q=4))
    assert (tokens.n_q, tokens.n_samples) == (4, 8000)
    assert (await client.decode(tokens)).samples.shape == (1, 8000)
    assert (await client.reconstruct(tone(0.5))).samples.shape == (1, 8000)
    assert [model.model for model in await client.models()] == ["echo_16k"]


async def test_many_streams_run_side_by_side(client: AsyncClient) -> None:
    async def one(value: float) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
        pieces = _pieces(tone(0.5, value))
        chunks = [chunk async for chunk in client.stream_encode(pieces, Selection(n_q=2))]
        return np.concatenate([chunk.codes for chunk in chunks], axis=1)

    values = (-0.5, 0.0, 0.25, 0.75)
    for codes, value in zip(await asyncio.gather(*map(one, values)), values, strict=True):
        expected = await client.encode(tone(0.5, value), Selection(n_q=2))
        assert np.array_equal(codes, expected.codes)


async def test_tokens_are_decoded_as_they_come(client: AsyncClient) -> None:
    async def coded() -> AsyncIterator[TokenChunk]:
        async for chunk in client.stream_encode(_pieces(tone(0.5))):
            yield chunk

    decoded = [chunk async for chunk in client.stream_decode(coded(), "space-a")]
    assert sum(len(chunk.samples) for chunk in decoded) == frames_of(8000) * 320 - 352
    assert decoded[0].sample_rate == 16_000


async def test_errors_are_those_of_the_blocking_client(client: AsyncClient) -> None:
    with pytest.raises(RefusedError, match=r"1\.\.32"):
        await client.encode(wav(), Selection(n_q=33))
    refused = client.stream_encode(_pieces(tone(0.1)), Selection(n_q=33))
    with pytest.raises(RefusedError, match=r"1\.\.32"):
        await anext(refused)
    http_port, grpc_port = free_ports(2)
    async with AsyncClient(f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}") as nowhere:
        with pytest.raises(TryAgainError):
            await nowhere.models()


async def test_a_worker_that_dies_under_streams_tells_all_of_them_to_try_again() -> None:
    """The status must survive that a stream is being written to at the moment it ends."""

    async def endless() -> AsyncIterator[PcmInput]:
        while True:
            yield tone(0.08)

    async def one(client: AsyncClient) -> TryAgainError | None:
        try:
            async for _ in client.stream_encode(endless()):
                opened.set()
        except TryAgainError as error:
            return error
        return None

    with Service() as service:
        worker = service.add_worker(slots=8)
        service.wait_ready()
        async with AsyncClient(service.url, service.grpc_target) as client:
            opened = asyncio.Event()
            streams = [asyncio.ensure_future(one(client)) for _ in range(8)]
            await opened.wait()
            await asyncio.sleep(0.3)
            worker.process.kill()
            errors = await asyncio.gather(*streams)
    assert all(error is not None and "worker" in error.message for error in errors)
    assert [error.retry_after_seconds for error in errors if error] == [1.0] * 8
