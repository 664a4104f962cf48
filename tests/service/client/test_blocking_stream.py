"""Streams of the blocking client that go on over lost workers and replaced versions."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from service.client import Client, RefusedError, blocking_stream
from service.config import Limits
from tests.service.client.disturbed import (
    CLIP,
    CODES,
    FRAMES,
    SELECTION,
    Disturbance,
    Samples,
    codes_of,
    samples_of,
    spoken,
)
from tests.service.echo_worker import frames_of
from tests.service.frontend.harness import Service, running, wait_until


@pytest.mark.parametrize("kind", ["killed", "replaced"])
def test_a_lost_stream_goes_on_without_a_gap(fragile: Service, kind: str) -> None:
    with Client(fragile.url, fragile.grpc_target) as client:
        pieces = spoken(Disturbance(fragile, kind))
        chunks = list(client.stream_encode(pieces, SELECTION, resume_seconds=120))
        codes = codes_of(chunks)
        assert codes.shape[1] == frames_of(len(CLIP))
        assert np.array_equal(codes[:, :FRAMES], CODES)
        versions = [chunk.identity.version for chunk in chunks]
        assert (versions[0] != versions[-1]) == (kind == "replaced")


def test_a_reconstruction_goes_on_without_a_gap(fragile: Service) -> None:
    with Client(fragile.url, fragile.grpc_target) as client:
        whole = samples_of(list(client.stream_reconstruct([CLIP], SELECTION)))
        pieces = spoken(Disturbance(fragile, "killed"))
        samples = samples_of(list(client.stream_reconstruct(pieces, SELECTION, resume_seconds=120)))
    assert len(samples) == len(CLIP)
    assert np.array_equal(samples, whole)


def test_codes_of_another_token_space_never_come_in_their_place(fragile: Service) -> None:
    with Client(fragile.url, fragile.grpc_target) as client:
        chunks = client.stream_encode(
            spoken(Disturbance(fragile, "other space")), SELECTION, resume_seconds=120
        )
        with pytest.raises(RefusedError, match="another token space") as caught:
            list(chunks)
    assert caught.value.code == "token_space_mismatch"


def test_an_error_of_the_callers_own_iterator_is_the_callers(service: Service) -> None:
    def broken() -> Iterator[Samples]:
        yield CLIP
        raise KeyError("microphone")

    with Client(service.url, service.grpc_target) as client, pytest.raises(KeyError, match="microphone"):
        list(client.stream_encode(broken(), resume_seconds=120))


def test_a_source_that_is_silent_for_long_keeps_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking_stream, "KEEP_ALIVE_SECONDS", 0.3)

    def halting() -> Iterator[Samples]:
        yield CLIP[:6400]
        time.sleep(4)
        yield CLIP[6400:6400]
        yield CLIP[6400:]

    with (
        running(limits=Limits(idle_stream_seconds=1.5)) as service,
        Client(service.url, service.grpc_target) as client,
    ):
        codes = codes_of(list(client.stream_encode(halting(), SELECTION)))
    assert np.array_equal(codes[:, :FRAMES], CODES)


def test_an_endless_source_is_left_alone_after_the_end(service: Service) -> None:
    def endless() -> Iterator[Samples]:
        while True:
            yield CLIP[:320]

    with Client(service.url, service.grpc_target) as client:
        chunks = client.stream_encode(endless(), SELECTION)
        next(chunks)
        chunks.close()  # type: ignore[attr-defined]  # a generator
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "stream input"])
