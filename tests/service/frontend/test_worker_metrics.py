"""What workers and the routing table tell Prometheus."""

from typing import Any

import grpc
from prometheus_client.core import Metric

from service.frontend.backlog import BacklogLimits
from service.frontend.router import Router
from service.frontend.worker_link import WorkerLink
from service.frontend.worker_metrics import WorkerCollector
from tests.service.frontend.harness import Service, wait_until
from tests.service.frontend.talk import Talk, open_encode


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


def test_the_share_of_a_canary_is_told(service: Service) -> None:
    service.canary = {"version": "2-bbbbbbbbbbbb", "weight": 0.25}
    service.send_routes()
    wait_until(lambda: service.metric("codec_canary_weight", version="2-bbbbbbbbbbbb") == 0.25)
    service.canary = None
    service.send_routes()
    wait_until(lambda: service.metric("codec_canary_weight") == 0)


def test_the_statistics_of_workers_are_passed_on(service: Service) -> None:
    with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
        talk.send(open_encode())
        assert talk.next().HasField("opened")
        wait_until(lambda: service.metric("codec_worker_live_streams", worker="w0", model="echo_16k") == 1)
        assert service.metric("codec_model_sessions", model="echo_16k", version="1-aaaaaaaaaaaa") == 1
    wait_until(lambda: service.metric("codec_worker_live_streams") == 0)
    assert service.metric("codec_worker_cancelled_total", worker="w0") == 0
    wait_until(lambda: service.metric("codec_model_sessions") == 0)


def told(stats: dict[str, Any]) -> dict[str, Metric]:
    """The families of one worker with these statistics."""
    router = Router(BacklogLimits(4), lambda _: None, lambda: None)
    link = WorkerLink("w7", router._roster, BacklogLimits(4))
    link.stats = stats
    router._roster._links["w7"] = link
    return {family.name: family for family in WorkerCollector(router).collect()}


def test_some_statistics_have_names_of_their_own() -> None:
    families = told(
        {
            "generation_mismatches": 1, "graph_steps": 5, "eager_steps": 2, "device_memory_bytes": 1e9,
            "load_seconds": {"weights": 0.5, "speed": 2.0},
        }
    )  # fmt: skip
    found = {
        (sample.name, sample.labels.get("path", sample.labels.get("stage"))): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert found["codec_slot_generation_mismatch_total", None] == 1
    assert found["codec_cuda_graph_steps_total", "graph"] == 5
    assert found["codec_cuda_graph_steps_total", "eager"] == 2
    assert found["codec_model_load_seconds", "weights"] == 0.5
    assert found["codec_model_load_seconds", "speed"] == 2.0
    (memory,) = families["codec_gpu_memory_bytes"].samples
    assert (memory.value, memory.labels["kind"], memory.labels["worker"]) == (1e9, "reserved", "w7")
