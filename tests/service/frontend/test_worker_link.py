"""A link to one worker, over real Unix sockets."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from service.frontend.backlog import BacklogLimits
from service.frontend.call import Call
from service.frontend.worker_link import Job, WorkerLink
from service.ipc import Kind, Message, Operation
from service.logs import JsonFormatter
from service.model_info import ModelInfo
from service.request_context import begin_request
from service.samples import SampleForm
from service.status import Condition, ServiceError
from tests.service.echo_worker import EchoConfig, EchoConnection, encode, frames_of

_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)
_AUDIO = np.full(3200, 0.25, np.float32)


class _Owner:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.lost = asyncio.Event()
        self.idle = 0

    def link_ready(self, link: WorkerLink) -> None:
        self.ready.set()

    def link_lost(self, link: WorkerLink) -> None:
        self.lost.set()

    def link_idle(self, link: WorkerLink) -> None:
        self.idle += 1


@asynccontextmanager
async def _linked(
    path: Path, max_jobs: int = 8, delay: float = 0.0
) -> AsyncIterator[tuple[WorkerLink, _Owner]]:
    """A link to an echo worker in this loop."""
    loop = asyncio.get_running_loop()
    config = EchoConfig(path / "w.sock", job_delay_seconds=delay, slots=1)
    server = await loop.create_unix_server(lambda: EchoConnection(config), str(config.socket))
    owner = _Owner()
    limits = BacklogLimits(max_jobs)
    _, link = await loop.create_unix_connection(lambda: WorkerLink("w", owner, limits), str(config.socket))
    await asyncio.wait_for(owner.ready.wait(), 5)
    try:
        yield link, owner
    finally:
        link.close()
        server.close()


def _job() -> Job:
    return Job(Operation.ENCODE, 4, _AUDIO.tobytes(), 0.2, SampleForm.F32)


async def test_jobs_are_answered_and_weighed(tmp_path: Path) -> None:
    async with _linked(tmp_path) as (link, owner):
        with Call(5) as call:
            work = asyncio.ensure_future(link.run(_job(), call))
            await asyncio.sleep(0)
            assert (link.jobs, link.load_seconds, link.idle) == (1, 0.2, False)
            result = await work
        codes = np.frombuffer(result.payload, "<u2").reshape(-1, 4)
        assert len(codes) == frames_of(3200)
        assert np.array_equal(codes[:10], encode(_AUDIO, 4))
        assert (link.jobs, link.load_seconds, owner.idle) == (0, 0.0, 1)


async def test_a_call_that_ends_cancels_its_job(tmp_path: Path) -> None:
    async with _linked(tmp_path, delay=30) as (link, _):
        with Call(0.05) as call, pytest.raises(ServiceError) as caught:
            await link.run(_job(), call)
        assert caught.value.condition is Condition.DEADLINE_EXCEEDED
        await asyncio.sleep(0.05)
        assert link.stats["cancelled"] == 1
        assert link.idle


async def test_more_jobs_than_agreed_are_refused(tmp_path: Path) -> None:
    async with _linked(tmp_path, max_jobs=1, delay=30) as (link, _):
        with Call(5) as first, Call(5) as second:
            work = asyncio.ensure_future(link.run(_job(), first))
            await asyncio.sleep(0)
            with pytest.raises(ServiceError) as caught:
                await link.run(_job(), second)
            work.cancel()
        assert caught.value.condition is Condition.OVERLOADED


async def test_what_cannot_be_done_in_time_is_refused_by_what_the_worker_says_of_its_steps(
    tmp_path: Path,
) -> None:
    async with _linked(tmp_path, delay=30) as (link, _):
        cost = {
            "fixed_seconds": 0.1,
            "step_frame_seconds": 0.0,
            "per_frame_seconds": 0.006,
            "per_code_seconds": 0.001,
            "correction": 2.0,
        }
        told = Message(Kind.STATS, payload=json.dumps({"cost": {"encode": cost}}).encode())
        link.data_received(told.pack())
        with Call(2.0) as late, Call(4.0) as soon, Call(30) as later:
            with pytest.raises(ServiceError, match=r"0\.0 s of work") as caught:
                link.check_room(late, Operation.ENCODE, 4, 2.0)
            assert caught.value.condition is Condition.OVERLOADED
            assert link.check_room(soon, Operation.ENCODE, 4, 2.0).run_seconds == pytest.approx(2.2)
            job = Job(Operation.ENCODE, 4, bytes(4), 2.0, SampleForm.F32)
            work = asyncio.ensure_future(link.run(job, later))
            await asyncio.sleep(0)
            with pytest.raises(ServiceError, match="too much for the deadline"):
                link.check_room(soon, Operation.ENCODE, 4, 2.0)
            work.cancel()


async def test_the_end_of_the_connection_is_told_to_everybody(tmp_path: Path) -> None:
    async with _linked(tmp_path, delay=30) as (link, owner):
        heard: list[Message] = []
        link.open_stream(Operation.ENCODE, 4, heard.append)
        with Call(5) as call:
            work = asyncio.ensure_future(link.run(_job(), call))
            await asyncio.sleep(0.05)
            link.close()
            with pytest.raises(ServiceError) as caught:
                await work
        assert caught.value.condition is Condition.UNAVAILABLE
        assert [message.kind for message in heard] == [Kind.OPENED, Kind.FAILED]
        assert heard[-1].value == Condition.UNAVAILABLE
        assert owner.lost.is_set()
        with pytest.raises(ServiceError):
            link.open_stream(Operation.ENCODE, 4, heard.append)


@pytest.mark.parametrize("answer", [b"\xff" * 64, Message(Kind.HELLO, payload=b"{}").pack()])
async def test_a_worker_that_talks_nonsense_is_dropped(tmp_path: Path, answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = Message(Kind.HELLO, payload=json.dumps(asdict(_INFO)).encode())
        writer.write(hello.pack() + answer)
        await reader.read()
        writer.close()

    path = str(tmp_path / "w.sock")
    server = await asyncio.start_unix_server(talk, path)
    owner = _Owner()
    loop = asyncio.get_running_loop()
    await loop.create_unix_connection(lambda: WorkerLink("w", owner, BacklogLimits(8)), path)
    await asyncio.wait_for(owner.lost.wait(), 5)
    server.close()


async def test_a_defect_of_the_worker_is_logged_for_the_request_that_it_hit(
    tmp_path: Path,
) -> None:
    async def work(link: WorkerLink) -> None:
        begin_request("r-17")
        with Call(5) as call:
            await link.run(_job(), call)

    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter("frontend"))
    logger = logging.getLogger("service.frontend.worker_link")
    logger.addHandler(handler)
    async with _linked(tmp_path, delay=5.0) as (link, _):
        running = asyncio.create_task(work(link))
        await asyncio.sleep(0)
        failed = Message(Kind.FAILED, 2, value=Condition.INTERNAL, payload=b"a step failed")
        link.data_received(failed.pack())
        with pytest.raises(ServiceError):
            await running
        assert (link.done, link.failed) == (0, 1)
    logger.removeHandler(handler)
    entry = json.loads(lines.getvalue())
    assert (entry["request_id"], entry["worker"], entry["session"]) == ("r-17", "w", 2)
    assert entry["reason"] == "a step failed"


async def test_streams_of_other_front_ends_take_slots_too(tmp_path: Path) -> None:
    async with _linked(tmp_path) as (link, _):
        first = link.open_stream(Operation.ENCODE, 4, lambda message: None)
        told = Message(Kind.STATS, payload=json.dumps({"slots_used": 3}).encode())
        link.data_received(told.pack())
        assert (link.streams, link.slots_taken) == (1, 3)
        link.close_stream(first)
        assert (link.streams, link.slots_taken) == (0, 2)


class _Recorder(EchoConnection):
    """An echo worker that remembers what it was asked."""

    def __init__(self, config: EchoConfig, heard: list[Message]) -> None:
        super().__init__(config)
        self._heard = heard

    def _handle(self, message: Message) -> None:
        self._heard.append(message)
        super()._handle(message)


def test_the_worker_is_told_class_and_caller(tmp_path: Path) -> None:
    async def scenario() -> list[Message]:
        loop, heard = asyncio.get_running_loop(), list[Message]()
        config = EchoConfig(tmp_path / "w.sock", slots=1)
        server = await loop.create_unix_server(lambda: _Recorder(config, heard), str(config.socket))
        owner = _Owner()
        _, link = await loop.create_unix_connection(
            lambda: WorkerLink("w", owner, BacklogLimits(8)), str(config.socket)
        )
        await asyncio.wait_for(owner.ready.wait(), 5)
        for caller, bulk in (("a", False), ("b", True), ("a", True)):
            with Call(5.0, caller, bulk=bulk) as call:
                await link.run(Job(Operation.ENCODE, 2, _AUDIO.tobytes(), 0.2, SampleForm.F32), call)
        link.open_stream(Operation.ENCODE, 2, lambda message: None, "b")
        await asyncio.sleep(0.05)
        link.close()
        server.close()
        return heard

    heard = asyncio.run(scenario())
    assert [message.kind for message in heard] == [Kind.JOB, Kind.BULK, Kind.BULK, Kind.OPEN]
    first, second, third, fourth = (message.sequence for message in heard)
    assert first == third != second == fourth


def test_one_caller_leaves_places_for_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _linked(tmp_path, max_jobs=8, delay=0.2) as (link, _):

            async def ask(caller: str, *, bulk: bool = False) -> bool:
                job = Job(Operation.ENCODE, 2, _AUDIO.tobytes(), 0.2, SampleForm.F32)
                try:
                    with Call(5.0, caller, bulk=bulk) as call:
                        await link.run(job, call)
                except ServiceError:
                    return False
                return True

            greedy = [asyncio.ensure_future(ask("greedy", bulk=True)) for _ in range(8)]
            await asyncio.sleep(0)
            assert await ask("other")
            assert sum(await asyncio.gather(*greedy)) == 4
            assert await ask("greedy", bulk=True), "places are given back"

    asyncio.run(scenario())
