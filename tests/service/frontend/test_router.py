"""Versions that come and go, and workers that die, under load and over real sockets."""

from collections.abc import Iterator

import grpc
import httpx
import pytest

from codec.container import read_cdc
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
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
        assert service.wait_for("idle") == {"event": "idle", "worker": old.id, "routes": service.tables_sent}
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


def test_channels_and_canaries_are_served_side_by_side() -> None:
    with Service() as service:
        service.channels["echo_16k"] = {"stable": _OLD, "canary": _NEW, "nightly": ""}
        service.add_worker(version=_OLD)
        service.add_worker(version=_NEW, token_space="space-b")
        service.wait_ready()
        wait_until(lambda: service.metric("codec_stream_slots_total") == 8)
        assert _version(service) == _OLD
        assert _version(service, "?model=echo_16k@stable") == _OLD
        assert _version(service, "?model=echo_16k@canary") == _NEW
        answer = httpx.post(f"{service.url}/encode?model=echo_16k@nightly", content=wav(0.1))
        assert answer.status_code == 503, "watched, but nothing serves yet"
        answer = httpx.post(f"{service.url}/encode?model=echo_16k@weekly", content=wav(0.1))
        assert answer.status_code == 404
        assert "stable, canary, nightly" in answer.json()["error"]["message"]
        answer = httpx.post(f"{service.url}/encode?model=echo_16k@3-cccccccccccc", content=wav(0.1))
        assert answer.status_code == 404
        assert f"loaded: {_OLD} (stable), {_NEW} (canary)" in answer.json()["error"]["message"]
        _check_canary(service)


def _check_canary(service: Service) -> None:
    service.canary = {"version": _NEW, "weight": 0.5}
    service.send_routes()
    wait_until(lambda: service.get("/models/echo_16k").json()["canary"] is not None)
    with httpx.Client(base_url=service.url) as client:

        def version(request_id: str) -> str:
            answer = client.post("/encode", content=wav(0.1), headers={"X-Request-Id": request_id})
            return str(answer.headers["X-Codec-Version"])

        first = [version(f"r{number}") for number in range(100)]
        assert 25 <= first.count(_NEW) <= 75
        assert [version(f"r{number}") for number in range(20)] == first[:20], "the id decides"
        tokens_of_canary = client.post("/encode?model=echo_16k@canary", content=wav(0.5)).content
        for number in range(5):
            headers = {"X-Request-Id": f"r{number}"}
            decoded = client.post("/decode", content=tokens_of_canary, headers=headers)
            assert decoded.headers["X-Codec-Version"] == _NEW, "only the canary knows these tokens"
    with grpc.insecure_channel(service.grpc_target) as channel:
        models = codec_pb2_grpc.ModelsStub(channel)
        named = models.Get(pb.GetModelRequest(model=pb.ModelRef(model="echo_16k@canary")))
        assert named.identity.version == _NEW
        codec = codec_pb2_grpc.CodecStub(channel)
        old = pb.ModelRef(model="echo_16k", version=_OLD)
        foreign = pb.DecodeRequest(model=old, token_space="space-b", tokens=pb.Tokens(n_q=1))
        with pytest.raises(grpc.RpcError, match="space-b"):
            codec.Decode(foreign)


def test_watch_tells_at_once_and_at_every_change(service: Service) -> None:
    with grpc.insecure_channel(service.grpc_target) as channel:
        watching = codec_pb2_grpc.ModelsStub(channel).Watch(pb.WatchModelsRequest(), timeout=30)
        assert [model.identity.version for model in next(watching).models] == [_OLD]
        _replace(service)
        assert [model.identity.version for model in next(watching).models] == [_NEW]
        watching.cancel()
