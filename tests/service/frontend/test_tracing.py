"""Spans of a real front end, as a real collector gets them."""

import io
import secrets
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from websockets.sync.client import connect

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.frontend.tracing import Tracing
from service.request_context import TRACE_ID
from tests.service.frontend.collector import Collector, attributes, collecting
from tests.service.frontend.harness import Service, running, wav
from tests.service.frontend.talk import Talk, audio, open_encode

_KEY = "sk-this-is-nobodys-business"


@dataclass(frozen=True)
class Traced:
    """A front end that sends its spans to a collector."""

    service: Service
    collector: Collector


@pytest.fixture(scope="module")
def traced() -> Iterator[Traced]:
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with running() as service:
            yield Traced(service, collector)


def caller() -> tuple[str, str, str]:
    """A trace and a span of a caller, and the header that names both."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, f"00-{trace_id}-{span_id}-01"


def of_trace(spans: list[Span], trace_id: str) -> Span:
    (found,) = [span for span in spans if span.trace_id.hex() == trace_id]
    return found


def test_a_request_is_a_span_of_its_callers_trace_and_knows_its_job(traced: Traced) -> None:
    trace_id, span_id, header = caller()
    headers = {"traceparent": header, "Authorization": f"Bearer {_KEY}"}
    began_ns = time.time_ns()
    answer = httpx.post(traced.service.url + "/encode?n_q=4", content=wav(1), headers=headers)
    assert answer.status_code == 200
    span = of_trace(traced.collector.named("POST /encode"), trace_id)
    assert (span.parent_span_id.hex(), span.kind) == (span_id, Span.SPAN_KIND_SERVER)
    assert began_ns <= span.start_time_unix_nano < span.end_time_unix_nano <= time.time_ns()
    assert attributes(span) == {
        "http.request.method": "POST", "url.path": "/encode", "http.response.status_code": 200,
        "codec.model": "echo_16k", "codec.version": "1-aaaaaaaaaaaa", "codec.op": "encode",
        "codec.class": "oneshot", "codec.code": "ok", "codec.audio_seconds": 1.0,
    }  # fmt: skip
    assert span.status.code == Status.STATUS_CODE_UNSET
    (job,) = span.events
    told = attributes(job)
    assert (job.name, told["codec.op"]) == ("job", "encode")
    assert 0 <= told["codec.run_us"] <= (span.end_time_unix_nano - span.start_time_unix_nano) // 1000
    assert told["codec.queue_us"] >= 0
    assert span.start_time_unix_nano < job.time_unix_nano < span.end_time_unix_nano
    assert traced.collector.services == {"codecd"}


async def test_log_lines_of_a_request_know_its_trace(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", traced.collector.url)
    trace_id, _, header = caller()
    tracing = Tracing()
    tracing.begin("here", [("traceparent", header)], {}).end()
    assert TRACE_ID.get() == trace_id
    await tracing.close()
    assert of_trace(traced.collector.named("here"), trace_id).kind == Span.SPAN_KIND_SERVER


def test_a_request_of_nobodys_trace_begins_one_and_a_refused_one_says_why(traced: Traced) -> None:
    assert httpx.post(traced.service.url + "/decode", content=b"no tokens").status_code == 400
    span = traced.collector.named("POST /decode")[-1]
    assert not span.parent_span_id
    assert attributes(span)["codec.code"] == "invalid_argument"
    assert attributes(span)["http.response.status_code"] == 400
    assert span.status.code == Status.STATUS_CODE_ERROR


def test_an_rpc_is_a_span(traced: Traced) -> None:
    trace_id, span_id, header = caller()
    with grpc.insecure_channel(traced.service.grpc_target) as channel:
        stub = codec_pb2_grpc.CodecStub(channel)
        stub.Encode(pb.EncodeRequest(file=wav(0.5)), metadata=(("traceparent", header),))
    span = of_trace(traced.collector.named("codec.v1.Codec/Encode"), trace_id)
    assert span.parent_span_id.hex() == span_id
    told = attributes(span)
    assert (told["rpc.service"], told["rpc.method"]) == ("codec.v1.Codec", "Encode")
    assert (told["codec.code"], told["codec.audio_seconds"]) == ("ok", 0.5)


def test_a_stream_is_one_span_whatever_carries_it(traced: Traced) -> None:
    with grpc.insecure_channel(traced.service.grpc_target) as channel, Talk(channel) as talk:
        talk.send(open_encode(), audio(640), audio(640))
        talk.finish()
        talk.rest()
    span = traced.collector.named("codec.v1.Codec/StreamEncode")[-1]
    told = attributes(span)
    assert (told["codec.op"], told["codec.class"], told["codec.code"]) == ("encode", "live", "ok")
    assert (told["codec.version"], told["codec.audio_seconds"]) == ("1-aaaaaaaaaaaa", 1280 / 16_000)
    with connect(traced.service.url.replace("http", "ws") + "/stream") as socket:
        socket.send('{"type": "open", "operation": "encode", "n_q": 4}')
        socket.recv()
    span = traced.collector.named("WEBSOCKET /stream")[-1]
    assert attributes(span)["codec.code"] == "cancelled"


def test_the_files_of_a_batch_are_events_of_its_span(traced: Traced) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for number in range(3):
            info = tarfile.TarInfo(f"{number}.wav")
            info.size = len(content := wav(0.5))
            tar.addfile(info, io.BytesIO(content))
    httpx.post(traced.service.url + "/batch/encode?n_q=4", content=packed.getvalue()).raise_for_status()
    span = traced.collector.named("POST /batch/encode")[-1]
    files = [attributes(event) for event in span.events if event.name == "file"]
    assert [file["codec.audio_seconds"] for file in files] == [0.5] * 3
    assert [event.name for event in span.events].count("job") == 3


def test_probes_are_not_traced_and_nothing_private_is(traced: Traced) -> None:
    assert traced.service.get("/models").status_code == 200
    traced.collector.named("GET /models")
    assert not [span.name for span in traced.collector.spans if "health" in span.name]
    assert not [body for body in traced.collector.raw if _KEY.encode() in body]
    assert max(map(len, traced.collector.raw)) < 16_000, "there is no room for audio in it"
