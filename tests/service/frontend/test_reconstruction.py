"""Live reconstruction of a real model over gRPC, and streams that go on where others were lost."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from codec.repository import VersionPath
from codec.tokens import from_wire
from proto.codec.v1 import codec_pb2 as pb
from tests.service.frontend.talk import Talk
from tests.service.supervisor.serving import Serving
from tests.service.tiny import offline, publish_tiny
from tests.support import voiced

Samples = NDArray[np.float32]
Codes = NDArray[np.uint16]

_N_Q = 6
_HOP = 320
_DELAY = 352
_CLIP = voiced(1.7, seed=3)[: 84 * _HOP + 77]
_F32 = pb.PCM_FORMAT_F32LE


@dataclass(frozen=True)
class Place:
    """A whole service with a tiny model, and what that model makes of clips offline."""

    version: VersionPath
    channel: grpc.Channel

    def offline(self, samples: Samples) -> tuple[Codes, Samples]:
        return offline(self.version, samples, _N_Q)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A connection to a whole service with a tiny model."""
    work = tmp_path_factory.mktemp("reconstruction")
    version = publish_tiny(work / "models", work)
    with Serving(work / "models", workers=1) as service:
        service.wait(service.is_ready, "readiness")
        port = service.event("the front end listens")["grpc_port"]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Place(version, channel)


@pytest.fixture(autouse=True)
def _caught_up(place: Place) -> None:
    """The worker takes streams: on a busy machine the ones before may have left it behind real time."""
    deadline = time.monotonic() + 60
    while True:
        with Talk(place.channel, "StreamReconstruct") as talk:
            talk.send(_open())
            talk.finish()
            if talk.status()[0] is grpc.StatusCode.OK:
                return
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _request(samples: Samples, n_q: int | None = None) -> pb.StreamReconstructRequest:
    rate = None if n_q is None else pb.Rate(n_q=n_q)
    return pb.StreamReconstructRequest(audio=pb.AudioChunk(samples=samples.tobytes(), rate=rate))


def _open(**fields: Any) -> pb.StreamReconstructRequest:
    fields = {"rate": pb.Rate(n_q=_N_Q), "format": _F32, **fields}
    return pb.StreamReconstructRequest(open=pb.OpenReconstruct(**fields))


def _samples(answers: list[Any], first_sample: int = 0) -> Samples:
    """All audio of the answers, which must be without a gap from `first_sample` on."""
    pieces = []
    for answer in answers:
        if answer.WhichOneof("message") == "audio":
            assert answer.audio.first_sample == first_sample
            pieces.append(np.frombuffer(answer.audio.samples, "<f4"))
            first_sample += len(pieces[-1])
    return np.concatenate(pieces)


def _codes(answers: list[Any], first_frame: int = 0) -> Codes:
    """All tokens of the answers, `[codebook, frame]`, without a gap from `first_frame` on."""
    pieces = []
    for answer in answers:
        if answer.WhichOneof("message") == "tokens":
            assert answer.tokens.first_frame == first_frame
            pieces.append(from_wire(answer.tokens.codes, answer.tokens.n_q, 1024))
            first_frame += pieces[-1].shape[1]
    return np.concatenate(pieces, axis=1)


@pytest.mark.parametrize("sizes", [(1280,), (1,), (319, 640, 7, 2000), (100_000,)], ids=str)
def test_any_split_gives_the_audio_of_the_whole(place: Place, sizes: tuple[int, ...]) -> None:
    clip = _CLIP if sizes != (1,) else _CLIP[:700]
    codes, expected = place.offline(clip)
    with Talk(place.channel, "StreamReconstruct") as talk:
        talk.send(_open(tokens=True))
        start, turn = 0, 0
        while start < len(clip):
            end = start + sizes[turn % len(sizes)]
            talk.send(_request(clip[start:end]))
            start, turn = end, turn + 1
        talk.finish()
        answers = talk.rest()
    opened = answers[0].opened
    assert (opened.n_q, opened.delay_samples, opened.prime_frames) == (_N_Q, _DELAY, 8 + 8)
    assert np.array_equal(_codes(answers), codes)
    samples = _samples(answers)
    assert len(samples) == len(clip)
    assert np.abs(samples - expected).max() < 1e-5
    assert answers[-1].summary == pb.Summary(n_samples=len(clip), n_frames=codes.shape[1])


def test_after_flushed_a_segment_is_out_whole_and_the_next_is_fresh(place: Place) -> None:
    first, second = _CLIP[:5003], _CLIP[5003:12_000]
    with Talk(place.channel, "StreamReconstruct") as talk:
        talk.send(
            _open(), _request(first), pb.StreamReconstructRequest(flush=pb.Flush(id=9)), _request(second)
        )
        talk.finish()
        answers = talk.rest()
    kinds = [answer.WhichOneof("message") for answer in answers]
    flushed = kinds.index("flushed")
    assert answers[flushed].flushed.id == 9
    for part, clip in ((answers[:flushed], first), (answers[flushed:], second)):
        samples = _samples(part)
        assert len(samples) == len(clip)
        assert np.abs(samples - place.offline(clip)[1]).max() < 1e-5
    assert "tokens" not in kinds


def test_n_q_changes_inside_a_stream(place: Place) -> None:
    half = 20 * _HOP
    with Talk(place.channel, "StreamReconstruct") as talk:
        talk.send(_open(tokens=True), _request(_CLIP[:half]), _request(_CLIP[half : 2 * half], 2))
        talk.finish()
        answers = talk.rest()
    widths = [answer.tokens.n_q for answer in answers if answer.WhichOneof("message") == "tokens"]
    assert widths[0] == _N_Q
    assert widths[-1] == 2
    assert len(_samples(answers)) == 2 * half


@pytest.mark.parametrize("lost_at", [3, 40])
def test_reconstruction_goes_on_as_if_nothing_had_happened(place: Place, lost_at: int) -> None:
    codes, expected = place.offline(_CLIP)
    with Talk(place.channel, "StreamReconstruct") as talk:
        talk.send(_open())
        frames = talk.next().opened.prime_frames
    primed = max(0, lost_at - frames)
    prime = [
        pb.AudioChunk(samples=_CLIP[start * _HOP : (start + 1) * _HOP].tobytes())
        for start in range(primed, lost_at)
    ]
    with Talk(place.channel, "StreamReconstruct") as talk:
        talk.send(_open(first_frame=lost_at, prime=prime, tokens=True), _request(_CLIP[lost_at * _HOP :]))
        talk.finish()
        answers = talk.rest()
    assert np.array_equal(_codes(answers, lost_at), codes[:, lost_at:])
    first = lost_at * _HOP - _DELAY
    samples = _samples(answers, first)
    assert len(samples) == len(_CLIP) - first
    assert np.abs(samples - expected[first:]).max() < 1e-5
    assert answers[-1].summary.n_samples == len(samples)


@pytest.mark.parametrize("lost_at", [1, 5, 33])
def test_encoding_and_decoding_go_on_as_if_nothing_had_happened(place: Place, lost_at: int) -> None:
    codes, expected = place.offline(_CLIP)
    whole = _whole_decode(place, codes)
    with Talk(place.channel) as talk:
        talk.send(pb.StreamEncodeRequest(open=pb.OpenEncode()))
        frames = talk.next().opened.prime_frames
        primed = max(0, lost_at - frames)
    with Talk(place.channel) as talk:
        prime = [pb.AudioChunk(samples=_CLIP[primed * _HOP : lost_at * _HOP].tobytes())]
        opening = pb.OpenEncode(rate=pb.Rate(n_q=_N_Q), format=_F32, first_frame=lost_at, prime=prime)
        rest = pb.AudioChunk(samples=_CLIP[lost_at * _HOP :].tobytes())
        talk.send(pb.StreamEncodeRequest(open=opening), pb.StreamEncodeRequest(audio=rest))
        talk.finish()
        assert np.array_equal(_codes(talk.rest(), lost_at), codes[:, lost_at:])
    with Talk(place.channel, "StreamDecode") as talk:
        talk.send(pb.StreamDecodeRequest(open=_open_decode(place)))
        frames = talk.next().opened.prime_frames
        primed = max(0, lost_at - frames)
    with Talk(place.channel, "StreamDecode") as talk:
        opening_decode = _open_decode(place, first_frame=lost_at, prime=[_tokens(codes[:, primed:lost_at])])
        talk.send(
            pb.StreamDecodeRequest(open=opening_decode),
            pb.StreamDecodeRequest(tokens=_tokens(codes[:, lost_at:])),
        )
        talk.finish()
        first = max(0, lost_at * _HOP - _DELAY)
        samples = _samples(talk.rest(), first)
    assert len(samples) == len(whole) - first
    assert np.abs(samples - whole[first:]).max() < 1e-5
    assert np.abs(whole[: len(expected)] - expected).max() < 1e-5


def test_primes_that_cannot_be_are_refused(place: Place) -> None:
    frame = pb.AudioChunk(samples=bytes(4 * _HOP))
    rows = (
        (pb.OpenEncode(format=_F32, prime=[frame]), "lies before it"),
        (pb.OpenEncode(format=_F32, first_frame=9, prime=[pb.AudioChunk(samples=bytes(40))]), "whole frames"),
        (pb.OpenEncode(format=_F32, first_frame=999, prime=[frame] * 101), "are enough"),
        (pb.OpenEncode(format=_F32, first_frame=9, prime=[pb.AudioChunk(samples=bytes(3))]), "whole samples"),
        (pb.OpenEncode(first_frame=(1 << 48) + 1), "the largest"),
    )
    for opening, says in rows:
        with Talk(place.channel) as talk:
            talk.send(pb.StreamEncodeRequest(open=opening))
            code, details = talk.status()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert says in details


@pytest.mark.parametrize(("first_frame", "taken"), [(1 << 48, True), (1 << 63, False)])
def test_a_stream_may_begin_as_far_on_as_samples_can_be_numbered(
    place: Place, first_frame: int, taken: bool
) -> None:
    codes, _ = place.offline(_CLIP)
    with Talk(place.channel, "StreamDecode") as talk:
        talk.send(
            pb.StreamDecodeRequest(open=_open_decode(place, first_frame=first_frame)),
            pb.StreamDecodeRequest(tokens=_tokens(codes)),
        )
        if taken:
            assert talk.next().opened.hop_samples == _HOP
            assert talk.next().audio.first_sample == first_frame * _HOP
            return
        code, details = talk.status()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "the largest" in details


def _tokens(codes: Codes) -> pb.Tokens:
    return pb.Tokens(n_q=len(codes), codes=codes.T.astype("<u2").tobytes())


def _open_decode(place: Place, **fields: Any) -> pb.OpenDecode:
    with Talk(place.channel) as talk:
        talk.send(pb.StreamEncodeRequest(open=pb.OpenEncode()))
        token_space = talk.next().opened.identity.token_space
    return pb.OpenDecode(token_space=token_space, format=_F32, **fields)


def _whole_decode(place: Place, codes: Codes) -> Samples:
    with Talk(place.channel, "StreamDecode") as talk:
        talk.send(
            pb.StreamDecodeRequest(open=_open_decode(place)), pb.StreamDecodeRequest(tokens=_tokens(codes))
        )
        talk.finish()
        return _samples(talk.rest())
