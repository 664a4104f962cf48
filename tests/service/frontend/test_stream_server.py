"""The life of live streams, whatever carries them."""

from typing import Any

import grpc
import httpx

from proto.codec.v1 import codec_pb2 as pb
from tests.service.echo_worker import frames_of
from tests.service.frontend.harness import Service, running, wait_until
from tests.service.frontend.talk import Request, Talk, audio, open_encode


def test_streams_are_told_why_they_have_to_go_and_how_to_go_on_elsewhere() -> None:
    with running() as service, grpc.insecure_channel(service.grpc_target) as channel:
        opening = pb.StreamReconstructRequest(open=pb.OpenReconstruct(rate=pb.Rate(n_q=2)))
        with Talk(channel) as encode, Talk(channel, "StreamReconstruct") as both:
            encode.send(open_encode(), audio(640))
            both.send(opening)
            assert encode.next().opened.prime_frames == 2
            assert both.next().opened.prime_frames == 4
            assert service.metric("codec_stream_slots_used") == 3
            service.send({"type": "go_away", "worker": "w0", "grace_seconds": 2})
            for talk, prime_frames in ((encode, 2), (both, 4)):
                away = _away(talk)
                assert (away.reason, away.deadline_ms) == ("version replaced", 2000)
                assert away.prime_frames == prime_frames
            encode.finish()
            assert encode.status()[0] is grpc.StatusCode.OK
            assert both.status()[0] is grpc.StatusCode.UNAVAILABLE
        wait_until(lambda: service.metric("codec_worker_live_streams") == 0)


def test_a_half_that_finds_no_place_gives_the_other_back() -> None:
    with Service() as service, grpc.insecure_channel(service.grpc_target) as channel:
        service.add_worker(slots=2)
        service.wait_ready()
        with Talk(channel) as other:
            other.send(open_encode())
            assert other.next().HasField("opened")
            with Talk(channel, "StreamReconstruct") as both:
                both.send(pb.StreamReconstructRequest(open=pb.OpenReconstruct()))
                assert both.status()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
            wait_until(lambda: service.metric("codec_worker_live_streams") == 1)
            other.send(audio(640), Request(flush=pb.Flush(id=1)))
            other.finish()
            assert other.rest()[-1].summary.n_frames == frames_of(640)


def test_a_worker_that_dies_ends_both_halves() -> None:
    with running() as service, grpc.insecure_channel(service.grpc_target) as channel:
        with Talk(channel, "StreamReconstruct") as both:
            both.send(pb.StreamReconstructRequest(open=pb.OpenReconstruct()))
            both.next()
            service.workers["w0"].process.kill()
            assert both.status()[0] is grpc.StatusCode.UNAVAILABLE
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        response = httpx.get(
            service.url + "/stream", headers={**upgrade, "Sec-WebSocket-Key": "A" * 22 + "=="}
        )
        assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")


def _away(talk: Talk) -> pb.GoAway:
    while True:
        answer: Any = talk.next()
        if answer.WhichOneof("message") == "go_away":
            away: pb.GoAway = answer.go_away
            return away
