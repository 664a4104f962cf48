"""Links to workers that die, come back, and are idle."""

import time

import grpc
import httpx

from tests.service.frontend.harness import Service, wait_until, wav
from tests.service.frontend.load import Load
from tests.service.frontend.talk import Talk, open_encode


def test_a_killed_worker_fails_its_callers_at_once_and_another_takes_over() -> None:
    with Service() as service:
        worker = service.add_worker(job_delay_seconds=5.0)
        service.wait_ready()
        with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
            talk.send(open_encode())
            assert talk.next().HasField("opened")
            with httpx.Client(base_url=service.url) as client:
                worker.process.kill()
                began = time.monotonic()
                response = client.post("/encode", content=wav())
                assert response.status_code == 503
                assert response.json()["error"]["code"] == "unavailable"
                assert int(response.headers["Retry-After"]) >= 1
                code, _ = talk.status()
                assert code is grpc.StatusCode.UNAVAILABLE
                assert time.monotonic() - began < 2
        assert service.get("/health/ready").status_code == 503
        assert service.get("/health/ready").json()["error"]["code"] == "unavailable"
        assert service.get("/health/live").status_code == 200
        assert service.get("/health/startup").status_code == 200
        del service.workers[worker.id]
        service.add_worker()
        service.wait_ready()
        assert httpx.post(service.url + "/encode", content=wav(0.1)).status_code == 200
        assert service.metric("codec_worker_restarts_total") == 1


def test_work_in_flight_on_a_killed_worker_fails_at_once() -> None:
    with Service() as service:
        worker = service.add_worker(job_delay_seconds=20.0)
        service.wait_ready()
        with Load(service.url) as load:
            wait_until(lambda: service.metric("codec_worker_jobs_in_flight") == 3)
            began = time.monotonic()
            worker.process.kill()
            wait_until(lambda: load.statuses[503] >= 3)
            assert time.monotonic() - began < 2


def test_the_supervisor_is_told_what_became_of_the_work() -> None:
    with Service() as service:
        worker = service.add_worker()
        service.wait_ready()
        assert service.wait_for("report")["workers"] in ({}, {worker.id: {"streams": 0, "jobs": 0}})
        with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
            talk.send(open_encode())
            assert talk.next().HasField("opened")
            while not (report := service.wait_for("report"))["workers"].get(worker.id, {}).get("streams"):
                continue
            assert report["workers"] == {worker.id: {"streams": 1, "jobs": 0}}
            assert httpx.post(service.url + "/encode", content=wav(0.1)).status_code == 200
            outcome = {"model": "echo_16k", "version": worker.config.version}
            assert service.wait_for("report")["outcomes"] == [{**outcome, "done": 1, "failed": 0}]
            worker.process.kill()
            while not (report := service.wait_for("report"))["outcomes"]:
                continue
            assert report["outcomes"] == [{**outcome, "done": 0, "failed": 1}], "the stream"


def test_a_worker_that_serves_again_is_used_again() -> None:
    with Service() as service:
        old = service.add_worker()
        service.wait_ready()
        old.draining = True
        new = service.add_worker(version="2-bbbbbbbbbbbb")
        assert service.wait_for("idle")["worker"] == old.id
        old.draining, new.draining = False, True
        service.send_routes()
        assert service.wait_for("idle") == {"event": "idle", "worker": new.id, "routes": service.tables_sent}
        answer = httpx.post(service.url + "/encode", content=wav(0.1))
        assert answer.headers["X-Codec-Version"] == old.config.version
