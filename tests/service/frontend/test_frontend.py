"""The end of a front end: drained in order, or alone because its supervisor has died."""

import threading
import time

import grpc
import httpx

from tests.service.frontend.harness import Service, running, wait_until, wav
from tests.service.frontend.talk import Talk, audio, open_encode


def test_a_drain_finishes_what_is_under_way_and_then_ends() -> None:
    with Service() as service:
        service.add_worker(job_delay_seconds=1.0)
        service.wait_ready()
        answers: list[httpx.Response] = []
        thread = threading.Thread(
            target=lambda: answers.append(httpx.post(service.url + "/encode", content=wav()))
        )
        thread.start()
        wait_until(lambda: service.metric("codec_worker_jobs_in_flight") == 1)
        with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
            talk.send(open_encode(), audio(640))
            assert talk.next().HasField("opened")
            assert talk.next().HasField("tokens")
            service.send({"type": "drain", "grace_seconds": 10})
            leaving = talk.next().go_away
            assert 0 < leaving.deadline_ms <= 10_000
            talk.send(audio(320))
            talk.finish()
            assert talk.rest()[-1].summary.n_samples == 960
            assert talk.status()[0] is grpc.StatusCode.OK
        began = time.monotonic()
        service.wait_for("drained")
        assert time.monotonic() - began < 5
        thread.join()
        assert [answer.status_code for answer in answers] == [200]
        service.send({"type": "stop"})
        assert service.frontend.wait(5) == 0


def test_what_comes_before_readiness_has_got_about_is_served() -> None:
    with running(lag_seconds=3.0) as service, grpc.insecure_channel(service.grpc_target) as channel:
        service.send({"type": "drain", "grace_seconds": 10})
        wait_until(lambda: service.get("/health/ready").status_code == 503)
        with httpx.Client() as client:
            answer = client.post(service.url + "/encode", content=wav())
        assert answer.status_code == 200
        # Whoever keeps connections looks for another replica.
        assert answer.headers["connection"] == "close"
        with Talk(channel) as talk:
            talk.send(open_encode(), audio(640))
            kinds = [talk.next().WhichOneof("message") for _ in range(3)]
            assert kinds == ["opened", "tokens", "go_away"]
            talk.finish()
            talk.rest()
            assert talk.status()[0] is grpc.StatusCode.OK
        service.wait_for("drained")


def test_a_drain_ends_streams_that_do_not_leave() -> None:
    with (
        running() as service,
        grpc.insecure_channel(service.grpc_target) as channel,
        Talk(channel) as talk,
    ):
        talk.send(open_encode(), audio(640))
        assert talk.next().HasField("opened")
        began = time.monotonic()
        service.send({"type": "drain", "grace_seconds": 2})
        service.wait_for("drained")
        assert 1 < time.monotonic() - began < 2
        code, details = talk.status()
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "going away" in details


def test_an_idle_front_end_is_drained_at_once() -> None:
    with running() as service:
        began = time.monotonic()
        service.send({"type": "drain", "grace_seconds": 30})
        service.wait_for("drained")
        assert time.monotonic() - began < 1
        with httpx.Client() as client:
            refused = False
            try:
                client.post(service.url + "/encode", content=wav())
            except httpx.ConnectError:
                refused = True
            assert refused


def test_a_front_end_ends_with_its_supervisor() -> None:
    with running() as service:
        service.control.close()
        assert service.frontend.wait(5) == 0
