"""What Prometheus is told."""

import httpx

from tests.service.frontend.harness import Service, wait_until, wav


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
