"""`GET /capacity`: places, streams and room by version."""

import grpc

from tests.service.frontend.harness import Service, wait_until
from tests.service.frontend.talk import Talk, open_encode


def test_slots_are_told_at_once_and_what_workers_tell_when_they_have(service: Service) -> None:
    wait_until(lambda: service.get("/capacity").json()["models"][0]["capacity"] is not None)
    (model,) = service.get("/capacity").json()["models"]
    assert (model["model"], model["version"], model["workers"]) == ("echo_16k", "1-aaaaaaaaaaaa", 1)
    assert model["slots"] == {"total": 4, "used": 0}
    assert model["capacity"] == model["calibrated"] == {"encode": 4, "decode": 4}
    with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
        talk.send(open_encode())
        assert talk.next().HasField("opened")
        assert service.get("/capacity").json()["models"][0]["slots"]["used"] == 1


def test_several_workers_of_a_version_are_added_up(service: Service) -> None:
    service.add_worker()
    wait_until(lambda: (service.get("/capacity").json()["models"][0]["capacity"] or {}).get("encode") == 8)
    (model,) = service.get("/capacity").json()["models"]
    assert (model["workers"], model["slots"]["total"], model["room"]["decode"]) == (2, 8, 8)
