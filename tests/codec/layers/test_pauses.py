"""Where steps may be interrupted."""

import threading

import pytest
import torch

from codec.layers.pauses import pause, pausing
from tests.service.worker.padded import FAMILIES, random_codes, sound, stream


def test_what_runs_in_a_pause_runs_through() -> None:
    calls: list[int] = []

    def interrupt() -> None:
        calls.append(len(calls))
        pause()

    with pausing(interrupt):
        pause()
        pause()
        with pausing(None):
            pause()
    pause()
    assert calls == [0, 1]


def test_pauses_are_those_of_one_thread() -> None:
    calls: list[int] = []
    with pausing(lambda: calls.append(1)):
        other = threading.Thread(target=pause)
        other.start()
        other.join()
    assert not calls


def test_an_error_in_a_pause_ends_the_step() -> None:
    def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError), pausing(fail):
        pause()
    pause()


def count(calls: list[int], place: int) -> None:
    calls[place] += 1


@pytest.mark.parametrize("family", FAMILIES)
def test_steps_of_every_family_pause_in_many_places(family: str) -> None:
    codec, calls = stream(family), [0, 0]
    audio = torch.from_numpy(sound(codec, 1, 8)).mT
    codes = torch.from_numpy(random_codes(codec, 1, 8, 2)).mT
    with pausing(lambda: count(calls, 0)):
        codec.encode_step(audio, codec.encoder_state(1), 2)
    with pausing(lambda: count(calls, 1)):
        codec.decode_step(codes, codec.decoder_state(1))
    assert min(calls) >= 4
