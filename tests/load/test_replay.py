"""What comes back is compared as it comes: every wrong, missing and surplus item counts."""

import numpy as np
import pytest

from tests.load.replay import Replay
from tests.load.scripts import Script

FRAMES, N_Q = 6, 4


@pytest.fixture
def script() -> Script:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 1024, (N_Q, FRAMES)).astype(np.uint16)
    return Script(np.zeros(1920, np.int16), codes, rng.normal(0, 0.1, 1920).astype(np.float32))


def wire(script: Script) -> bytes:
    return script.codes.T.astype("<u2").tobytes()


def replay(script: Script, payload: bytes, *, is_encode: bool = True, complete: bool = True) -> int:
    """Wrong items of an output that comes in three messages."""
    taken = Replay(script, is_encode=is_encode, checked=True)
    step = 4 * -(-len(payload) // 12)
    for at in range(0, len(payload), step):
        taken.extend(payload[at : at + step])
    taken.end(complete=complete)
    assert not len(taken)
    return taken.wrong


def test_the_known_codes_are_right(script: Script) -> None:
    assert replay(script, wire(script)) == 0


def test_one_flipped_bit_is_one_wrong_code(script: Script) -> None:
    payload = bytearray(wire(script))
    payload[2 * N_Q * 3] ^= 1
    assert replay(script, bytes(payload)) == 1


def test_missing_frames_are_wrong_only_if_the_stream_was_whole(script: Script) -> None:
    payload = wire(script)[: -2 * N_Q]
    assert replay(script, payload) == N_Q
    assert replay(script, payload, complete=False) == 0


def test_surplus_frames_are_wrong(script: Script) -> None:
    assert replay(script, wire(script) + bytes(2 * N_Q)) == N_Q


def test_samples_may_differ_by_rounding_and_by_nothing_more(script: Script) -> None:
    close = (script.samples + np.float32(5e-5)).astype("<f4")
    assert replay(script, close.tobytes(), is_encode=False) == 0
    close[7] += 0.01
    close[9] = np.nan
    assert replay(script, close.tobytes(), is_encode=False) == 2


def test_a_session_that_is_not_compared_has_nothing_wrong(script: Script) -> None:
    taken = Replay(script, is_encode=True, checked=False)
    taken.extend(b"\x00" * 10)
    taken.end(complete=True)
    assert taken.wrong == 0
