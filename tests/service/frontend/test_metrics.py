"""What Prometheus is told."""

import httpx

from tests.service.frontend.harness import Service, wav


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
