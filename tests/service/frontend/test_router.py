"""Versions that come and go, and workers that die, under load and over real sockets."""

import time
from collections.abc import Iterator

import grpc
import httpx
import pytest

from codec.container import read_cdc
from proto.codec.v1 import codec_pb2 as pb
from tests.service.frontend import bodies
from tests.service.frontend.harness import Service, Worker, running, wait_until, wav
from tests.service.frontend.load import Load
from tests.service.frontend.talk import Talk, audio, open_decode, open_encode, tokens

_OLD, _NEW = "1-aaaaaaaaaaaa", "2-bbbbbbbbbbbb"


@pytest.fixture
def service() -> Iterator[Service]:
    """A service of its own for every test."""
    with running() as service:
        yield service


def _replace(service: Service, token_space: str = "space-a") -> tuple[Worker, Worker]:
    """Bring a new version and drain the old one, as the supervisor does; the old and the new worker."""
    (old,) = service.workers.values()
    old.draining = True
    return old, service.add_worker(version=_NEW, token_space=token_space)


def _version(service: Service, query: str = "") -> str:
    response = httpx.post(f"{service.url}/encode{query}", content=wav(0.1))
    assert response.status_code == 200, response.text
    return str(response.headers["X-Codec-Version"])


def test_a_new_version_takes_over_without_a_failed_request(service: Service) -> None:
    with Load(service.url) as load:
        wait_until(lambda: load.versions[_OLD] > 20)
        old, _ = _replace(service)
        assert service.wait_for("idle") == {"event": "idle", "worker": old.id}
        old.process.kill()
        del service.workers[old.id]
        service.send_routes()
        count = load.versions[_NEW]
        wait_until(lambda: load.versions[_NEW] > count + 20)
    assert load.statuses.keys() == {200}
    assert load.versions.keys() == {_OLD, _NEW}
    assert service.metric("codec_worker_restarts_total") == 0


def test_an_open_stream_stays_on_its_version_and_holds_its_worker(service: Service) -> None:
    with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
        talk.send(open_encode())
        assert talk.next().opened.identity.version == _OLD
        old, _ = _replace(service)
        wait_until(lambda: _version(service) == _NEW)
        with Talk(channel) as second:
            second.send(open_encode())
            assert second.next().opened.identity.version == _NEW
        with pytest.raises(TimeoutError):
            service.wait_for("idle", timeout_seconds=0.3)
        talk.send(audio(320))
        assert talk.next().HasField("tokens")
        talk.finish()
        assert talk.rest()[-1].summary.n_samples == 320
        assert service.wait_for("idle")["worker"] == old.id


def test_a_stream_of_a_replaced_version_is_sent_away_at_the_end_of_its_time(service: Service) -> None:
    with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
        talk.send(open_encode(), audio(500))
        assert talk.next().opened.identity.version == _OLD
        old, _ = _replace(service)
        service.send({"type": "go_away", "worker": old.id, "grace_seconds": 2})
        kinds: list[str] = []
        code = None
        try:
            kinds.extend(answer.WhichOneof("message") for answer in talk.call)
        except grpc.RpcError as error:
            code = error.code()
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "go_away" in kinds
        assert kinds[-2:] == ["tokens", "summary"]
        assert service.wait_for("idle")["worker"] == old.id


def test_old_tokens_are_decoded_as_long_as_their_version_is_there(service: Service) -> None:
    old_tokens = httpx.post(service.url + "/encode", content=wav(0.5)).content
    with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
        talk.send(open_encode())
        talk.next()
        _replace(service, "space-b")
        wait_until(lambda: _version(service) == _NEW)
        new_tokens = httpx.post(service.url + "/encode", content=wav(0.5)).content
        assert read_cdc(new_tokens).token_space == "space-b"
        for content, version in ((old_tokens, _OLD), (new_tokens, _NEW)):
            decoded = httpx.post(service.url + "/decode", content=content)
            assert decoded.headers["X-Codec-Version"] == version
        assert _version(service, f"?model=echo_16k@{_OLD}") == _OLD
        assert _version(service, "?model=echo_16k@stable") == _NEW
        pinned = httpx.post(f"{service.url}/decode?model=echo_16k@{_NEW}", content=old_tokens)
        assert pinned.status_code == 409
        with Talk(channel, "StreamDecode") as decoding:
            decoding.send(open_decode("space-a"), tokens(2))
            assert decoding.next().opened.identity.version == _OLD
    service.wait_for("idle")
    assert httpx.post(service.url + "/decode", content=old_tokens).status_code == 409
    assert httpx.post(f"{service.url}/encode?model=echo_16k@{_OLD}", content=wav()).status_code == 503


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
        assert _version(service) == _OLD
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


def test_new_work_goes_to_the_least_loaded_worker() -> None:
    with Service() as service:
        for _ in range(2):
            service.add_worker(job_delay_seconds=0.3)
        service.wait_ready()
        wait_until(lambda: service.metric("codec_stream_slots_total") == 8)
        with Load(service.url, threads=4):
            wait_until(
                lambda: (
                    [service.metric("codec_worker_jobs_in_flight", worker=name) for name in ("w0", "w1")]
                    == [2, 2]
                )
            )
        with grpc.insecure_channel(service.grpc_target) as channel:
            talks = [Talk(channel) for _ in range(4)]
            for talk in talks:
                talk.send(open_encode())
                assert talk.next().HasField("opened")
            used = [service.metric("codec_stream_slots_used", worker=name) for name in ("w0", "w1")]
            assert used == [2, 2]
            for talk in talks:
                talk.finish()


def test_nothing_is_served_before_a_worker_is_there() -> None:
    with Service() as service:
        for path in ("ready", "startup"):
            assert service.get(f"/health/{path}").status_code == 503
        assert service.get("/health/live").status_code == 200
        service.send_routes()
        wait_until(lambda: service.get("/models/echo_16k").status_code == 503)
        assert httpx.post(service.url + "/encode", content=wav()).status_code == 503
        assert httpx.post(service.url + "/decode", content=bodies.token_file()).status_code == 503
        with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
            talk.send(open_encode(model=pb.ModelRef()))
            assert talk.status()[0] is grpc.StatusCode.UNAVAILABLE
