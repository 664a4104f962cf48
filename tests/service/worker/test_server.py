"""The loop of a worker in a process of its own: several front ends, dead ones, rude ones, and the end."""

import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from service.ipc import Kind, Message, Operation
from service.model_info import ModelInfo
from service.status import Condition
from tests.service.worker.oracle import GEOMETRY, flushed, reference_audio, reference_codes
from tests.service.worker.oracle_worker import LONG_FRAMES
from tests.service.worker.process import Peer, WorkerProcess, running

MODULE = "tests.service.worker.oracle_worker"
SLOTS = 4


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    with running(MODULE, slots=SLOTS, max_jobs=64, max_queued_audio_seconds=1e6) as worker:
        assert worker.event() == {"event": "ready"}
        yield worker


def samples(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def job(session: int, audio: NDArray[np.float32]) -> Message:
    return Message(Kind.JOB, session, Operation.ENCODE, 3, payload=audio.tobytes())


def opening(session: int) -> Message:
    return Message(Kind.OPEN, session, Operation.ENCODE, 3)


def assert_served(peer: Peer, session: int) -> None:
    audio = samples(50, session)
    peer.send(job(session, audio))
    result = peer.receive()
    assert (result.kind, result.session) == (Kind.RESULT, session)
    codes = np.frombuffer(result.payload, "<u2").reshape(-1, 3)
    assert np.array_equal(codes, reference_codes(flushed(audio)))


def test_two_front_ends_use_the_same_numbers_and_do_not_meet(worker: WorkerProcess) -> None:
    with worker.connect() as first, worker.connect() as second:
        info = ModelInfo(**first.hello.json())
        assert (first.hello.kind, info.model, info.slots) == (Kind.HELLO, "tiny", SLOTS)
        sounds = {first: samples(400, 1), second: samples(400, 2)}
        for peer in sounds:
            peer.send(opening(1))
        for start in range(0, 400, 10):
            for peer, audio in sounds.items():
                piece = audio[start : start + 10].tobytes()
                peer.send(Message(Kind.DATA, 1, n_q=3, sequence=start // 10, payload=piece))
        for peer, audio in sounds.items():
            peer.send(Message(Kind.FLUSH, 1, sequence=9))
            assert peer.receive().kind is Kind.OPENED
            codes = b""
            while (message := peer.receive()).kind is Kind.DATA:
                codes += message.payload
            assert (message.kind, message.sequence) == (Kind.FLUSHED, 9)
            assert np.array_equal(np.frombuffer(codes, "<u2").reshape(-1, 3), reference_codes(flushed(audio)))


def test_live_messages_are_answered_and_cancels_heard_within_a_step_of_a_job(worker: WorkerProcess) -> None:
    with worker.connect() as live, worker.connect() as other:
        live.send(opening(1))
        assert live.receive().kind is Kind.OPENED
        audio = samples(4 * LONG_FRAMES - GEOMETRY.delay_samples, 2)
        other.send(job(1, audio), job(2, audio))
        live.send(*(Message(Kind.DATA, 1, n_q=3, sequence=n, payload=bytes(16)) for n in range(5)))
        assert live.receive().kind is Kind.DATA
        other.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.sock.recv(1)
        other.sock.setblocking(True)
        other.send(Message(Kind.CANCEL, 1))
        result = other.receive()
        assert (result.kind, result.session) == (Kind.RESULT, 2), "the first one is nobody's any more"
        codes = np.frombuffer(result.payload, "<u2").reshape(-1, 3)
        assert np.array_equal(codes, reference_codes(flushed(audio)))


def test_a_front_end_may_vanish_within_a_step_of_its_job(worker: WorkerProcess) -> None:
    with worker.connect() as live:
        live.send(opening(1))
        assert live.receive().kind is Kind.OPENED
        with worker.connect() as gone:
            gone.send(job(1, samples(4 * LONG_FRAMES - GEOMETRY.delay_samples, 2)))
            time.sleep(0.1)
        while not (stats := live.stats())["disconnects"]:
            continue
        assert stats["jobs_queued"] == 0
        assert_served(live, 3)


def test_the_slots_of_a_vanished_front_end_are_free(worker: WorkerProcess) -> None:
    with worker.connect() as second:
        with worker.connect() as first:
            first.send(*(opening(session) for session in range(SLOTS)))
            assert [first.receive().kind for _ in range(SLOTS)] == [Kind.OPENED] * SLOTS
            second.send(opening(1))
            refused = second.receive()
            assert (refused.kind, refused.value) == (Kind.FAILED, Condition.OVERLOADED)
            first.send(Message(Kind.DATA, 0, n_q=3, payload=bytes(4 * 4000)))
        while second.stats()["slots_used"]:
            continue
        second.send(*(opening(session) for session in range(10, 10 + SLOTS)))
        assert [second.receive().kind for _ in range(SLOTS)] == [Kind.OPENED] * SLOTS


def test_a_front_end_that_talks_nonsense_is_dropped_alone(worker: WorkerProcess) -> None:
    with worker.connect() as rude, worker.connect() as polite:
        rude.sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n    ")
        with pytest.raises((EOFError, ConnectionError)):
            rude.receive()
        assert_served(polite, 3)


def test_a_front_end_that_does_not_read_harms_nobody_and_is_dropped(worker: WorkerProcess) -> None:
    with worker.connect() as lazy, worker.connect() as busy:
        codes = np.zeros((6000, 3), np.uint16)
        decode = [Message(Kind.JOB, n, Operation.DECODE, 3, payload=codes.tobytes()) for n in range(50)]
        lazy.send(*decode)
        for session in range(20):
            assert_served(busy, session)
        deadline = time.monotonic() + 20
        while not (stats := busy.stats())["disconnects"]:
            assert time.monotonic() < deadline
        assert stats["jobs_queued"] == 0
        assert stats["decode"]["jobs"] < 50, "what nobody reads is not run"


def test_a_slow_reader_gets_everything_in_the_end(worker: WorkerProcess) -> None:
    with worker.connect() as slow:
        codes = np.random.default_rng(0).integers(0, 1024, (6000, 3)).astype(np.uint16)
        slow.send(*(Message(Kind.JOB, n, Operation.DECODE, 3, payload=codes.tobytes()) for n in range(50)))
        time.sleep(0.5)
        results = [slow.receive() for _ in range(50)]
        assert sorted(result.session for result in results) == list(range(50))
        wanted = reference_audio(list(codes)).tobytes()
        assert all(result.payload == wanted for result in results)


@pytest.mark.parametrize("way", ["SIGTERM", "stop"])
def test_a_stop_finishes_what_runs_and_refuses_what_comes(worker: WorkerProcess, way: str) -> None:
    with worker.connect() as peer:
        audio = samples(4000, 1)
        peer.send(*(job(session, audio) for session in range(40)))
        answers = [peer.receive()]
        if way == "stop":
            worker.control.send({"type": "stop"})
        else:
            worker.signal(signal.SIGTERM)
        answers += [peer.receive() for _ in range(39)]
        assert {answer.kind for answer in answers} <= {Kind.RESULT, Kind.FAILED}
        assert all(a.value == Condition.UNAVAILABLE for a in answers if a.kind is Kind.FAILED)
        assert worker.exit_status()[0] == 0
        with pytest.raises((EOFError, ConnectionError)):
            peer.receive()


def test_an_idle_stream_does_not_hold_up_a_stop(worker: WorkerProcess) -> None:
    with worker.connect() as peer:
        peer.send(opening(1))
        assert peer.receive().kind is Kind.OPENED
        worker.control.send({"type": "stop"})
        status, seconds = worker.exit_status()
        assert status == 0
        assert seconds < 2


def test_a_worker_does_not_outlive_its_supervisor(worker: WorkerProcess) -> None:
    worker.control.sock.close()
    status, seconds = worker.exit_status()
    assert status == 0
    assert seconds < 10


def test_ctrl_c_is_for_the_supervisor(worker: WorkerProcess) -> None:
    worker.signal(signal.SIGINT)
    with worker.connect() as peer:
        assert_served(peer, 1)
