"""What Prometheus is told."""

import signal

import grpc
import httpx
import pytest

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from tests.service.frontend.harness import Service, running, wait_until, wav
from tests.service.frontend.talk import Talk, audio, open_encode


def test_requests_are_counted_by_operation_class_and_code(service: Service) -> None:
    httpx.post(service.url + "/encode", content=wav(1))
    httpx.post(service.url + "/encode", content=wav(15))
    httpx.post(service.url + "/encode", content=b"")
    count = service.metric
    assert count("codec_requests_total", op="encode", **{"class": "oneshot"}, code="ok") == 1
    assert count("codec_requests_total", op="encode", **{"class": "bulk"}, code="ok") == 1
    assert count("codec_requests_total", op="encode", code="invalid_argument") == 1
    assert count("codec_request_duration_seconds_count", op="encode") == 3
    assert count("codec_request_queue_seconds_count", op="encode") == 2
    assert count("codec_request_audio_seconds_sum", op="encode") == 16
    assert count("codec_requests_in_flight", op="encode") == 0


def test_the_front_end_tells_of_its_loop_its_workers_and_its_end(service: Service) -> None:
    httpx.post(service.url + "/encode", content=wav(1))
    wait_until(lambda: service.metric("codec_event_loop_lag_seconds_count") > 1)
    assert service.metric("codec_ipc_roundtrip_seconds_count", worker="w0") >= 1
    assert service.metric("codec_stream_credit_stalls_total", worker="w0") == 0
    assert service.metric("codec_drain_state") == 0
    assert service.metric("codec_model_state", model="echo_16k", state="ready") == 1


def test_http_answers_are_counted_by_path_and_status(service: Service) -> None:
    before = service.metric("codec_http_requests_total", path="/encode", code="200")
    httpx.post(service.url + "/encode", content=wav(1))
    httpx.post(service.url + "/decode", content=b"no tokens")
    service.get("/models")
    service.get("/models/echo_16k")
    service.get("/nobody/knows")
    count = service.metric
    assert count("codec_http_requests_total", path="/encode", code="200") == before + 1
    assert count("codec_http_requests_total", path="/decode", code="400") == 1
    assert count("codec_http_requests_total", path="/models", code="200") == 1
    assert count("codec_http_requests_total", path="other", code="200") == 1
    assert count("codec_http_requests_total", path="other", code="404") == 1


def test_grpc_messages_are_counted_both_ways(service: Service) -> None:
    received = service.metric("codec_grpc_messages_total", direction="received")
    sent = service.metric("codec_grpc_messages_total", direction="sent")
    with grpc.insecure_channel(service.grpc_target) as channel:
        codec_pb2_grpc.CodecStub(channel).Encode(pb.EncodeRequest(file=wav(0.1)))
        with Talk(channel) as talk:
            talk.send(open_encode(), audio(640), audio(640))
            talk.finish()
            answers = talk.rest()
    assert service.metric("codec_grpc_messages_total", direction="received") == received + 1 + 3
    assert service.metric("codec_grpc_messages_total", direction="sent") == sent + 1 + len(answers)


def test_files_that_are_no_audio_are_counted_by_what_was_wrong(service: Service) -> None:
    before = service.metric("codec_decoder_pool_rejected_total", reason="invalid")
    # Plain WAV never comes to the pool.
    assert httpx.post(service.url + "/encode", content=b"fLaC" + bytes(100)).status_code == 415
    assert service.metric("codec_decoder_pool_rejected_total", reason="invalid") == before + 1


def test_work_that_ends_early_is_counted_by_who_had_it() -> None:
    with running() as service, grpc.insecure_channel(service.grpc_target) as channel:
        with Talk(channel) as talk:
            talk.send(open_encode())
            assert talk.next().HasField("opened")
        wait_until(lambda: service.metric("codec_cancelled_total", stage="stream") == 1)
        for worker in service.workers.values():
            worker.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(service.url + "/encode", content=wav(1), timeout=0.5)
            wait_until(lambda: service.metric("codec_cancelled_total", stage="worker") == 1)
            late = httpx.post(
                service.url + "/encode", content=wav(1), headers={"X-Request-Timeout-Ms": "200"}
            )
            assert late.status_code == 504
        finally:
            for worker in service.workers.values():
                worker.process.send_signal(signal.SIGCONT)
        assert service.metric("codec_deadline_exceeded_total", stage="worker") == 1


def test_when_channels_were_read_is_told(service: Service) -> None:
    service.send({"type": "registry", "read_at": {"echo_16k": {"stable": 1.7e9, "canary": 1.8e9}}})
    name = "codec_registry_last_success_timestamp_seconds"
    wait_until(lambda: service.metric(name, model="echo_16k", channel="stable") == 1.7e9)
    assert service.metric(name, model="echo_16k", channel="canary") == 1.8e9
