"""Processes of the service are killed, stopped and hung while checked work goes on.

The tests are chapters of one story on one running service, in this order: a start costs seconds.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.checks import check_all, check_encode
from tests.faults.load import GONE, GOOD, CheckedLoad
from tests.faults.service import FaultyService
from tests.service.supervisor.serving import is_alive

# On a busy machine a start takes a while.
pytestmark = pytest.mark.timeout(300)

DECODER = "service.frontend.decoder_process"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyService]:
    with FaultyService(tmp_path_factory.mktemp("processes")) as service:
        service.wait_ready()
        yield service


def test_a_killed_worker_costs_its_callers_one_honest_refusal(service: FaultyService) -> None:
    with CheckedLoad(service) as load:
        load.wait_for(6)
        load.wait_for(1, call="stream")
        killed = time.monotonic()
        service.child("service.worker").kill()
        service.wait(lambda: not service.ready(), "unreadiness")
        service.wait_ready()
        back = time.monotonic()
        load.wait_for(6, since=back)
    assert set(load.verdicts()) <= {GOOD, "unavailable"}
    assert load.verdicts(killed)["unavailable"]
    assert load.longest() < 5
    check_all(service)


def test_a_killed_front_end_is_replaced_on_the_same_ports(service: FaultyService) -> None:
    before = service.child("service.frontend")
    decoders = service.children(DECODER)
    assert decoders
    with CheckedLoad(service) as load:
        load.wait_for(6)
        killed = time.monotonic()
        before.kill()
        service.wait(lambda: before.pid not in {p.pid for p in service.children("service.frontend")}, "death")
        service.wait_ready()
        load.wait_for(6, since=time.monotonic())
        load.wait_for(1, since=time.monotonic(), call="stream")
    assert set(load.verdicts()) <= {GOOD, "unavailable", GONE}
    assert load.verdicts(killed)[GONE]
    service.wait(lambda: not any(is_alive(process.pid) for process in decoders), "end of its decoders")
    service.wait(service.idle, "the worker's slots and rows given back")
    check_all(service)


def test_a_killed_decoder_process_costs_nothing_but_its_own_request(service: FaultyService) -> None:
    clip = service.clips[0]
    with httpx.Client(base_url=service.base_url, timeout=20.0) as client:
        assert check_encode(client, clip, clip.flac).status_code == 200
        decoders = service.children(DECODER)
        for decoder in decoders:
            decoder.kill()
        service.wait(lambda: not any(is_alive(decoder.pid) for decoder in decoders), "their end")
        response = check_encode(client, clip, clip.flac)
    assert response.status_code == 200, response.text


@pytest.mark.slow
def test_a_worker_that_hangs_is_noticed_and_replaced(service: FaultyService) -> None:
    worker = service.child("service.worker")
    with CheckedLoad(service) as load:
        load.wait_for(3)
        load.wait_for(1, call="stream")
        os.kill(worker.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        service.wait(lambda: not is_alive(worker.pid), "the end of the hung worker")
        noticed = time.monotonic() - stopped
        service.wait_ready()
        load.wait_for(3, since=time.monotonic())
        load.wait_for(1, since=time.monotonic(), call="stream")
    assert set(load.verdicts()) <= {GOOD, "unavailable", "deadline_exceeded"}
    assert noticed < 20
    assert load.longest() < 25
    check_all(service)


def test_sigterm_under_load_fails_nobody_who_was_being_served(service: FaultyService) -> None:
    pids = [process.pid for process in psutil.Process(service.process.pid).children(recursive=True)]
    with CheckedLoad(service) as load:
        load.wait_for(6)
        load.wait_for(1, call="stream")
        told = time.monotonic()
        service.signal(signal.SIGTERM)
        status = service.exit_status()
        seconds = time.monotonic() - told
    assert status == 0
    assert seconds < 15
    # Who came after the signal is refused; who was being served before it is served to the end.
    assert set(load.verdicts()) <= {GOOD, "unavailable", GONE}
    cut = [item for item in load.outcomes if item.began < told < item.ended and item.verdict != GOOD]
    assert [item for item in cut if item.call != "stream"] == []
    assert not [pid for pid in pids if is_alive(pid)]


@pytest.mark.slow
def test_a_second_sigterm_ends_live_work_at_once(tmp_path: Path) -> None:
    with FaultyService(tmp_path, grace_seconds=60.0) as service:
        service.wait_ready()
        pids = [process.pid for process in psutil.Process(service.process.pid).children(recursive=True)]
        with CheckedLoad(service) as load:
            load.wait_for(3)
            os.kill(service.child("service.worker").pid, signal.SIGSTOP)  # so that nothing can end
            time.sleep(0.3)
            service.signal(signal.SIGTERM)
            service.event("shutting down")
            second = time.monotonic()
            service.signal(signal.SIGTERM)
            assert service.exit_status() == 1
            assert time.monotonic() - second < 10
        assert not [pid for pid in pids if is_alive(pid)]
        assert "wrong" not in load.verdicts()
