"""Windows and time-outs of live streams, over real sockets."""

import time

import grpc

from proto.codec.v1 import codec_pb2 as pb
from service.config import Limits
from tests.service.echo_worker import frames_of
from tests.service.frontend.harness import Service, running, wait_until
from tests.service.frontend.talk import Request, Talk, audio, open_decode, open_encode, tokens


def test_a_silent_stream_is_closed_unless_it_keeps_alive() -> None:
    limits = Limits(idle_stream_seconds=0.8)
    with running(limits=limits) as service, grpc.insecure_channel(service.grpc_target) as channel:
        with Talk(channel) as silent, Talk(channel) as kept:
            silent.send(open_encode(), audio(320))
            kept.send(open_encode(), audio(320))
            silent.next()
            kept.next()
            for _ in range(5):
                kept.send(Request(keep_alive=pb.KeepAlive()))
                time.sleep(0.3)
            assert silent.status()[0] is grpc.StatusCode.DEADLINE_EXCEEDED
            kept.finish()
            assert kept.status()[0] is grpc.StatusCode.OK
        with Talk(channel) as never_opened:
            assert never_opened.status()[0] is grpc.StatusCode.DEADLINE_EXCEEDED


def test_input_beyond_the_window_is_not_read_but_nothing_is_lost() -> None:
    """A worker that takes 50 ms per message gets no more than a window ahead of its output."""
    limits = Limits(stream_window_seconds=0.2)
    with Service(limits=limits) as service:
        service.add_worker(step_delay_seconds=0.05)
        service.wait_ready()
        with grpc.insecure_channel(service.grpc_target) as channel, Talk(channel) as talk:
            talk.send(open_encode(1), *(audio(1600) for _ in range(30)))
            talk.finish()
            answers = talk.rest()
        assert service.metric("codec_stream_credit_stalls_total") >= 10
        assert service.metric("codec_stream_duration_seconds_count", op="encode") == 1
    frames = [answer.tokens.first_frame for answer in answers if answer.WhichOneof("message") == "tokens"]
    assert frames == sorted(frames)
    assert answers[-1].summary == pb.Summary(n_samples=48_000, n_frames=frames_of(48_000))


def test_a_client_that_does_not_read_is_closed() -> None:
    limits = Limits(slow_reader_seconds=1.0)
    with running(limits=limits) as service:
        options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535)]
        with grpc.insecure_channel(service.grpc_target, options) as channel:
            with Talk(channel, "StreamDecode") as talk:
                # 60 s of audio come of it, far beyond what the connection holds for a reader.
                talk.send(open_decode(format=pb.PCM_FORMAT_F32LE), *(tokens(50, n_q=1) for _ in range(60)))
                wait_until(lambda: service.metric("codec_streams_closed_total", reason="slow_consumer") == 1)
                wait_until(lambda: service.metric("codec_worker_live_streams") == 0)
                assert service.metric("codec_stream_slow_consumers_total", op="decode") == 1
                assert talk.status()[0] is grpc.StatusCode.ABORTED
            with Talk(channel) as other:
                other.send(open_encode(), audio(640))
                other.finish()
                assert other.rest()[-1].summary.n_samples == 640
