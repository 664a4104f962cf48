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


def test_models_and_slots_are_told(service: Service) -> None:
    assert service.metric("codec_model_info", model="echo_16k", version="1-aaaaaaaaaaaa") == 1
    assert service.metric("codec_stream_slots_total", worker="w0") == 4
    assert service.metric("codec_stream_slots_used", worker="w0") == 0


def test_refused_versions_are_counted_once(service: Service) -> None:
    service.rejected = [{"version": "2-bbbbbbbbbbbb", "stage": "golden", "reason": "codes differ"}]
    for _ in range(2):
        service.send_routes()
    wait_until(lambda: service.get("/models/echo_16k").json()["rejected"] == service.rejected)
    assert service.metric("codec_model_load_failures_total", model="echo_16k", stage="golden") == 1
