"""The worker as the supervisor starts it, on a small published model."""

import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec.checkpoint import load_codec
from codec.encoded import Encoded
from codec.model import Codec
from codec.repository import VersionPath
from service.ipc import Kind, Message, Operation
from service.model_info import ModelInfo
from tests.service.tiny import publish_tiny
from tests.service.worker.process import Peer, WorkerProcess, running
from tests.support import voiced

MODULE = "service.worker"


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> VersionPath:
    work = tmp_path_factory.mktemp("models")
    return publish_tiny(work / "models", work)


@pytest.fixture(scope="module")
def codec(version: VersionPath) -> Codec:
    torch.set_num_threads(1)
    codec = load_codec(version.path).codec
    assert isinstance(codec, Codec)
    return codec


@pytest.fixture(scope="module")
def worker(version: VersionPath) -> Iterator[WorkerProcess]:
    with running(MODULE, model=version.model, version=version.version, version_path=version.path) as worker:
        assert worker.event()["event"] == "ready"
        yield worker


@pytest.fixture
def peer(worker: WorkerProcess) -> Iterator[Peer]:
    with worker.connect() as peer:
        yield peer


def codes_alone(codec: Codec, audio: NDArray[np.float32], n_q: int) -> NDArray[np.int64]:
    """What the library gives, `[frame, n_q]`."""
    return np.asarray(codec.encode(torch.from_numpy(audio).reshape(1, 1, -1), n_q).codes[0].T.numpy())


def test_hello_tells_what_the_manifest_says(peer: Peer, version: VersionPath) -> None:
    info = ModelInfo(**peer.hello.json())
    manifest = version.manifest()
    assert (info.model, info.version, info.token_space) == (
        manifest.name, manifest.version, manifest.token_space
    )  # fmt: skip
    assert (info.sample_rate, info.hop_samples, info.delay_samples, info.codebooks) == (16_000, 320, 352, 32)


@pytest.mark.parametrize("count", [1, 319, 320, 32_000, 200_001])
def test_jobs_give_the_codes_and_the_audio_of_the_library(peer: Peer, codec: Codec, count: int) -> None:
    audio = voiced(count / 16_000, seed=count)[:count]
    peer.send(Message(Kind.JOB, 1, Operation.ENCODE, 6, payload=audio.tobytes()))
    encoded = peer.receive()
    codes = np.frombuffer(encoded.payload, "<u2").reshape(-1, 6)
    assert np.array_equal(codes, codes_alone(codec, audio, 6))
    peer.send(Message(Kind.JOB, 2, Operation.DECODE, 6, payload=encoded.payload))
    decoded = peer.receive()
    complete, tokens = len(codes) * 320 - 352, torch.from_numpy(codes.T.astype(np.int64))[None]
    heard = codec.decode(Encoded(tokens, (complete,), (len(codes),)))
    assert np.array_equal(np.frombuffer(decoded.payload, "<f4"), heard[0, 0].numpy())
    assert complete == len(decoded.payload) // 4 >= count
    assert encoded.run_us > 0


def test_live_streams_beside_each_other_and_jobs_give_offline_codes(peer: Peer, codec: Codec) -> None:
    clips = {session: voiced(1.5, seed=session) for session in range(6)}
    n_q = {session: 4 + 4 * (session % 2) for session in clips}
    peer.send(*(Message(Kind.OPEN, session, Operation.ENCODE, n_q[session]) for session in clips))
    for at in range(0, 24_000, 1280):
        for session, audio in clips.items():
            piece = audio[at : at + 1280].tobytes()
            peer.send(Message(Kind.DATA, session, n_q=n_q[session], sequence=at // 1280, payload=piece))
        if at % 12_800 == 0:
            peer.send(Message(Kind.JOB, 100 + at, Operation.ENCODE, 8, payload=clips[0].tobytes()))
    peer.send(*(Message(Kind.FLUSH, session, sequence=1) for session in clips))
    codes = dict.fromkeys(clips, b"")
    results: list[bytes] = []
    flushed = 0
    while flushed < len(clips) or len(results) < 2:
        message = peer.receive()
        if message.kind is Kind.DATA:
            codes[message.session] += message.payload
        elif message.kind is Kind.RESULT:
            results.append(bytes(message.payload))
        flushed += message.kind is Kind.FLUSHED
    for session, audio in clips.items():
        got = np.frombuffer(codes[session], "<u2").reshape(-1, n_q[session])
        assert np.array_equal(got, codes_alone(codec, audio, n_q[session]))
    assert results == [codes_alone(codec, clips[0], 8).astype("<u2").tobytes()] * 2


def test_a_two_second_request_is_one_or_two_steps(peer: Peer) -> None:
    before = peer.stats()["encode"]["steps"]
    peer.send(Message(Kind.JOB, 1, Operation.ENCODE, 8, payload=voiced(2.0).tobytes()))
    assert peer.receive().kind is Kind.RESULT
    assert 1 <= peer.stats()["encode"]["steps"] - before <= 2


def test_what_getting_ready_took_is_told(peer: Peer) -> None:
    assert peer.stats()["load_seconds"]["speed"] > 0


def test_steps_of_one_shape_give_the_same_codes(version: VersionPath, codec: Codec) -> None:
    fields = {"model": version.model, "version": version.version, "version_path": version.path}
    with running(MODULE, batching="fixed", **fields) as worker:
        assert worker.event()["event"] == "ready"
        with worker.connect() as peer:
            audio = voiced(0.5)
            peer.send(Message(Kind.JOB, 1, Operation.ENCODE, 6, payload=audio.tobytes()))
            codes = np.frombuffer(peer.receive().payload, "<u2").reshape(-1, 6)
            assert np.array_equal(codes, codes_alone(codec, audio, 6))
            assert peer.stats()["eager_steps"] > len(codes)


def test_a_worker_that_decodes_in_bfloat16_says_so(version: VersionPath, codec: Codec) -> None:
    fields = {"model": version.model, "version": version.version, "version_path": version.path}
    with running(MODULE, decode_dtype="bfloat16", **fields) as worker:
        assert worker.event()["event"] == "ready"
        with worker.connect() as peer:
            assert ModelInfo(**peer.hello.json()).decode_dtype == "bfloat16"
            audio = voiced(0.5)
            peer.send(Message(Kind.JOB, 1, Operation.ENCODE, 6, payload=audio.tobytes()))
            codes = np.frombuffer(peer.receive().payload, "<u2").reshape(-1, 6)
            assert np.array_equal(codes, codes_alone(codec, audio, 6))


def test_a_device_that_is_not_there_is_told(version: VersionPath) -> None:
    fields = {"model": version.model, "version": version.version, "version_path": version.path}
    with running(MODULE, device="cuda:99", **fields) as worker:
        event = worker.event()
        assert (event["event"], event["stage"]) == ("rejected", "device")
        assert "cuda:99" in event["reason"]


def test_kill_is_seen_at_once_as_the_end_of_the_connection(worker: WorkerProcess) -> None:
    """Must stay the last test of this file, for the worker is gone after it."""
    with worker.connect() as peer:
        peer.send(Message(Kind.OPEN, 1, Operation.ENCODE, 8))
        assert peer.receive().kind is Kind.OPENED
        worker.signal(signal.SIGKILL)
        peer.sock.settimeout(2.0)
        with pytest.raises((EOFError, ConnectionError)):
            peer.receive()
    assert worker.exit_status()[0] == -signal.SIGKILL
