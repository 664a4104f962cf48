"""The doors of a real service: no way in without a key, probes apart, and what a key's owner may use."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2, health_pb2_grpc
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.config import CallerLimits
from service.frontend.keys import Scope, add_key, remove_key
from tests.service.frontend.harness import Service, running, wait_until, wav
from tests.service.frontend.talk import Talk, audio, open_encode

_RPCS = [
    f"/{service.full_name}/{method.name}"
    for service in pb.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if service.name != "Admin"
]
_PUSHBACK = "grpc-retry-pushback-ms"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


_NO_LIMITS = CallerLimits()
_KEYS: dict[str, tuple[list[Scope], CallerLimits]] = {
    "all": (list(Scope), _NO_LIMITS),
    "decodes": ([Scope.DECODE], _NO_LIMITS),
    "often": (list(Scope), CallerLimits(requests_per_second=0.1)),
    "long": (list(Scope), CallerLimits(audio_seconds_per_second=0.2)),
    "live": (list(Scope), CallerLimits(max_streams=1)),
    "fast": (list(Scope), CallerLimits(audio_seconds_per_second=4.0)),
    "leaked": (list(Scope), _NO_LIMITS),
}


@dataclass(frozen=True)
class Guarded:
    """A service with keys, the file they are in, and the keys by name."""

    service: Service
    file: Path
    keys: dict[str, str]

    def headers(self, name: str) -> dict[str, str]:
        """The key of this name, for HTTP."""
        return {"Authorization": f"Bearer {self.keys[name]}"}

    def metadata(self, name: str) -> tuple[tuple[str, str | bytes], ...]:
        """The key of this name, for gRPC."""
        return (("authorization", f"Bearer {self.keys[name]}"),)

    def encode(self, name: str, seconds: float = 0.1) -> httpx.Response:
        """The answer to a one-shot request."""
        return httpx.post(self.service.url + "/encode", content=wav(seconds), headers=self.headers(name))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A service that asks for keys."""
    file = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    keys = {name: add_key(file, name, scopes, limits) for name, (scopes, limits) in _KEYS.items()}
    with running(keys=file) as service:
        yield Guarded(service, file, keys)
        assert service.frontend.poll() is None, "the front end has ended"


@pytest.fixture
def channel(guarded: Guarded) -> Iterator[grpc.Channel]:
    """A connection without a key of its own."""
    with grpc.insecure_channel(guarded.service.grpc_target) as channel:
        yield channel


def status_of(channel: grpc.Channel, method: str, *metadata: tuple[str, str | bytes]) -> grpc.StatusCode:
    """What becomes of any RPC, unary or not, that sends nothing but ends at once."""
    call = channel.stream_stream(method, Empty.SerializeToString, bytes)
    with pytest.raises(grpc.RpcError) as caught:
        list(call(iter(()), metadata=metadata, timeout=5))
    return caught.value.code()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/encode"),
        ("POST", "/decode"),
        ("POST", "/reconstruct"),
        ("POST", "/anything"),
        ("GET", "/models"),
        ("GET", "/models/echo_16k"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/health"),
        ("GET", "//health/live"),
    ],
)
def test_nothing_is_told_over_http_without_a_key(guarded: Guarded, method: str, path: str) -> None:
    refusals = guarded.service.metric("codec_rejected_total", reason="unauthenticated")
    url = f"{guarded.service.url}{path}?api_key={guarded.keys['all']}&key={guarded.keys['all']}"
    response = httpx.request(method, url, content=b"RIFF" if method == "POST" else None)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthenticated"
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert guarded.service.metric("codec_rejected_total", reason="unauthenticated") == refusals + 1


@pytest.mark.parametrize("method", [*_RPCS, _REFLECTION, "/codec.v1.Codec/Other"])
def test_nothing_is_told_over_grpc_without_a_key(channel: grpc.Channel, method: str) -> None:
    assert status_of(channel, method) is grpc.StatusCode.UNAUTHENTICATED
    assert status_of(channel, method, ("x-api-key", "cdk_other")) is grpc.StatusCode.UNAUTHENTICATED


def test_a_websocket_without_a_key_is_refused_before_its_upgrade(guarded: Guarded) -> None:
    url = guarded.service.url.replace("http", "ws") + "/stream"
    with pytest.raises(InvalidStatus) as caught, connect(url):
        pass
    assert caught.value.response.status_code == 401
    with connect(url, additional_headers={"X-Api-Key": guarded.keys["all"]}) as by_header:
        assert by_header.subprotocol is None
    offers = [Subprotocol("codec.v1"), Subprotocol("key." + guarded.keys["all"])]
    with connect(url, subprotocols=offers) as by_offer:
        assert by_offer.subprotocol == "codec.v1"
    with pytest.raises(InvalidStatus), connect(url, subprotocols=[Subprotocol("key.cdk_wrong")]):
        pass


def test_a_websocket_of_a_foreign_page_is_refused_before_its_upgrade() -> None:
    with running(allowed_origins=("https://friend.example",)) as service:
        url = service.url.replace("http", "ws") + "/stream"
        for origin in (service.url, "https://friend.example"):
            with connect(url, origin=Origin(origin)) as socket:
                socket.send('{"type": "open", "operation": "encode"}')
                assert '"opened"' in str(socket.recv(timeout=20))
        for origin in ("https://foe.example", "http://127.0.0.1:1", "null"):
            with pytest.raises(InvalidStatus) as caught, connect(url, origin=Origin(origin)):
                pass
            response = caught.value.response
            assert response.status_code == 403
            assert b"--allow-origin" in response.body
        assert service.metric("codec_rejected_total", reason="permission_denied") == 3


def test_the_page_is_public_and_nothing_beside_it(guarded: Guarded) -> None:
    for path in ("/", "/demo/main.js"):
        assert guarded.service.get(path).status_code == 200
    for path in ("/demo", "/demo/%2e%2e/models", "//demo/main.js", "/index.html"):
        assert guarded.service.get(path).status_code in (401, 404)


def test_probes_need_no_key(guarded: Guarded, channel: grpc.Channel) -> None:
    for probe in ("live", "ready", "startup"):
        assert guarded.service.get(f"/health/{probe}").status_code == 200
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=""))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_key_opens_every_door(guarded: Guarded, channel: grpc.Channel) -> None:
    assert guarded.encode("all").status_code == 200
    assert httpx.get(guarded.service.url + "/docs", headers=guarded.headers("all")).status_code == 200
    metadata = guarded.metadata("all")
    stub = codec_pb2_grpc.CodecStub(channel)
    assert stub.Encode(pb.EncodeRequest(file=wav(0.1)), metadata=metadata).n_samples == 1600
    models = codec_pb2_grpc.ModelsStub(channel).List(pb.ListModelsRequest(), metadata=metadata)
    assert len(models.models) == 1
    with Talk(channel, metadata=metadata) as talk:
        talk.send(open_encode(), audio(320))
        talk.finish()
        assert talk.rest()[-1].summary.n_samples == 320


def test_a_key_that_is_good_for_something_else_is_told_so(guarded: Guarded, channel: grpc.Channel) -> None:
    response = guarded.encode("decodes")
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "permission_denied"
    assert "encode" in response.json()["error"]["message"]
    metadata = guarded.metadata("decodes")
    with Talk(channel, metadata=metadata) as talk:
        talk.send(open_encode())
        assert talk.status()[0] is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.RpcError) as caught:
        codec_pb2_grpc.CodecStub(channel).Encode(pb.EncodeRequest(file=wav(0.1)), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_too_many_requests_are_told_when_to_come_again(guarded: Guarded, channel: grpc.Channel) -> None:
    refusals = guarded.service.metric("codec_rejected_total", reason="quota_exceeded")
    assert guarded.encode("often").status_code == 200
    response = guarded.encode("often")
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "quota_exceeded"
    assert 5 < int(response.headers["Retry-After"]) <= 10
    metadata = guarded.metadata("often")
    with pytest.raises(grpc.RpcError) as caught:
        codec_pb2_grpc.CodecStub(channel).Encode(pb.EncodeRequest(file=wav(0.1)), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailing: Any = caught.value.trailing_metadata()
    pushback = dict(trailing)[_PUSHBACK]
    assert 5000 < int(pushback) <= 10_000
    assert guarded.service.metric("codec_rejected_total", reason="quota_exceeded") == refusals + 2
    assert guarded.encode("all").status_code == 200


def test_audio_beyond_its_rate_is_paid_for_later(guarded: Guarded) -> None:
    assert guarded.encode("long", 3.0).status_code == 200
    response = guarded.encode("long")
    assert response.status_code == 429
    assert 3 < int(response.headers["Retry-After"]) <= 5


def test_streams_are_counted_by_key_and_given_back(guarded: Guarded, channel: grpc.Channel) -> None:
    metadata = guarded.metadata("live")
    with Talk(channel, metadata=metadata) as first:
        first.send(open_encode())
        assert first.next().HasField("opened")
        with Talk(channel, metadata=metadata) as second:
            second.send(open_encode())
            code, details = second.status()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "1 live streams" in details
        with Talk(channel, metadata=(("x-api-key", guarded.keys["all"]),)) as other:
            other.send(open_encode())
            assert other.next().HasField("opened")
        first.finish()
        assert first.status()[0] is grpc.StatusCode.OK
    with Talk(channel, metadata=metadata) as third:
        third.send(open_encode())
        assert third.next().HasField("opened")


def test_a_stream_beyond_the_audio_rate_is_read_more_slowly(guarded: Guarded, channel: grpc.Channel) -> None:
    with Talk(channel, metadata=guarded.metadata("fast")) as talk:
        talk.send(open_encode(), *(audio(16_000) for _ in range(46)))
        frames = 0
        while frames < 46 * 50:
            frames += len(talk.next().tokens.codes) // 8
        wait_until(lambda: guarded.encode("fast").status_code == 429)
        began = time.monotonic()
        talk.send(audio(16_000), audio(16_000))
        talk.finish()
        assert talk.rest()[-1].summary.n_samples == 48 * 16_000
        # 40 s are free, 6 s more are overdrawn, and 4 s come back every second.
        assert 0.5 < time.monotonic() - began < 5
        assert talk.status()[0] is grpc.StatusCode.OK


def test_streams_of_a_withdrawn_key_end(guarded: Guarded, channel: grpc.Channel) -> None:
    with Talk(channel, metadata=guarded.metadata("leaked")) as talk:
        talk.send(open_encode())
        assert talk.next().HasField("opened")
        remove_key(guarded.file, "leaked")
        code, details = talk.status()
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert "withdrawn" in details
    assert guarded.encode("leaked").status_code == 401


def test_a_broken_key_file_changes_nothing_but_a_metric(guarded: Guarded) -> None:
    before = guarded.file.read_bytes()
    guarded.file.write_bytes(before + b"{not a key}\n")
    wait_until(lambda: guarded.service.metric("codec_reload_failures_total", what="keys") == 1)
    assert guarded.encode("all").status_code == 200
    guarded.file.write_bytes(b"")
    wait_until(lambda: guarded.encode("all").status_code == 401)
