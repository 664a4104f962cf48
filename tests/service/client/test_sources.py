"""Input for live streams from files, pipes, and whatever iterates; the microphone where there is one."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.errors import InvalidAudioError, InvalidRequestError
from service.client import AsyncClient, Client, Selection
from service.client.sources import Samples, as_async, audio_file, microphone, paced, pcm_pieces
from tests.service.client.disturbed import CLIP, CODES, FRAMES, codes_of
from tests.service.frontend.harness import Service


def test_a_file_comes_in_pieces_at_the_rate_asked_for(tmp_path: Path) -> None:
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (4410, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", stereo, 44_100)
    pieces = list(audio_file(tmp_path / "a.flac", 16_000, piece_seconds=0.03))
    assert sum(map(len, pieces)) == 1600
    assert max(map(len, pieces)) == 480


def test_bytes_may_be_cut_inside_samples() -> None:
    samples = np.array([0.5, -0.25, 0.125], np.float32)
    packed = (samples * 32768).astype("<i2").tobytes()
    pieces = list(pcm_pieces([packed[:1], packed[1:3], packed[3:]]))
    assert np.array_equal(np.concatenate(pieces), samples)
    assert np.array_equal(np.concatenate(list(pcm_pieces([samples.tobytes()], "pcm_f32le"))), samples)


@pytest.mark.parametrize(
    ("chunks", "says"),
    [([b"RIFF", b"...."], "WAV header"), ([b"abc"], "inside a sample"), ([b"\0\0", b"a"], "inside a sample")],
)
def test_bytes_that_are_no_pcm_are_refused(chunks: list[bytes], says: str) -> None:
    with pytest.raises(InvalidAudioError, match=says):
        list(pcm_pieces(chunks))


def test_pieces_are_held_back_until_they_would_have_been_spoken() -> None:
    started = time.monotonic()
    pieces = paced([np.zeros(100, np.float32)] * 3, 1000)
    times = [time.monotonic() - started for _ in pieces]
    assert all(at >= 0.1 * (nth + 1) for nth, at in enumerate(times))


def test_an_event_ends_what_is_paced() -> None:
    until = threading.Event()
    pieces = paced([np.zeros(100, np.float32)] * 3, 1e9, until)
    next(pieces)
    until.set()
    assert list(pieces) == []


async def test_a_source_of_the_blocking_kind_feeds_an_event_loop_and_is_closed(service: Service) -> None:
    closed: list[str] = []

    def spoken() -> Iterator[Samples]:
        try:
            for start in range(0, len(CLIP), 1000):
                yield CLIP[start : start + 1000]
        finally:
            closed.append(threading.current_thread().name)

    async with AsyncClient(service.url, service.grpc_target) as client:
        chunks = [chunk async for chunk in client.stream_encode(as_async(spoken()), Selection(n_q=4))]
    assert np.array_equal(codes_of(chunks)[:, :FRAMES], CODES)
    assert [name.startswith("source") for name in closed] == [True]


def test_a_file_is_streamed_by_the_blocking_client(service: Service, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", CLIP, 16_000, "FLOAT")
    with Client(service.url, service.grpc_target) as client:
        rate = client.model().sample_rate
        selection = Selection("echo_16k@stable", n_q=4)
        chunks = list(client.stream_encode(audio_file(tmp_path / "clip.wav", rate), selection))
    assert np.array_equal(codes_of(chunks)[:, :FRAMES], CODES)


def test_without_sounddevice_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(InvalidRequestError, match=r"install codecd\[live\]"):
        microphone(16_000)
