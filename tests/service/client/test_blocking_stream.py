"""Streams of the blocking client that go on over lost workers and replaced versions."""

from collections.abc import Iterator

import numpy as np
import pytest

from service.client import Client, RefusedError
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
from tests.service.frontend.harness import Service


@pytest.mark.parametrize("kind", ["killed", "replaced"])
def test_a_lost_stream_goes_on_without_a_gap(fragile: Service, kind: str) -> None:
    with Client(fragile.url, fragile.grpc_target) as client:
        pieces = spoken(Disturbance(fragile, kind))
        chunks = list(client.stream_encode(pieces, SELECTION, resume_seconds=20))
        codes = codes_of(chunks)
        assert codes.shape[1] == frames_of(len(CLIP))
        assert np.array_equal(codes[:, :FRAMES], CODES)
        versions = [chunk.identity.version for chunk in chunks]
        assert (versions[0] != versions[-1]) == (kind == "replaced")


def test_a_reconstruction_goes_on_without_a_gap(fragile: Service) -> None:
    with Client(fragile.url, fragile.grpc_target) as client:
        whole = samples_of(list(client.stream_reconstruct([CLIP], SELECTION)))
        pieces = spoken(Disturbance(fragile, "killed"))
        samples = samples_of(list(client.stream_reconstruct(pieces, SELECTION, resume_seconds=20)))
    assert len(samples) == len(CLIP)
    assert np.array_equal(samples, whole)


def test_codes_of_another_token_space_never_come_in_their_place(fragile: Service) -> None:
    with Client(fragile.url, fragile.grpc_target) as client:
        chunks = client.stream_encode(
            spoken(Disturbance(fragile, "other space")), SELECTION, resume_seconds=20
        )
        with pytest.raises(RefusedError, match="another token space") as caught:
            list(chunks)
    assert caught.value.code == "token_space_mismatch"


def test_an_error_of_the_callers_own_iterator_is_the_callers(service: Service) -> None:
    def broken() -> Iterator[Samples]:
        yield CLIP
        raise KeyError("microphone")

    with Client(service.url, service.grpc_target) as client, pytest.raises(KeyError, match="microphone"):
        list(client.stream_encode(broken(), resume_seconds=20))
