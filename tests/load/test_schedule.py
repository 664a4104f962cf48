"""Who joins when: everybody is there in the measured time, out of phase, and every k-th is compared."""

from collections import Counter

import numpy as np

from tests.load.schedule import Kind, Shape, sessions
from tests.load.scripts import MESSAGE_SECONDS


def test_every_client_stays_or_comes_back_until_the_end() -> None:
    lengths = (4.0, 8.0, 12.0)
    shape = Shape(encode=5, decode=3, duplex=2, seconds=60.0, ramp_seconds=6.0)
    made = sessions(shape, lengths)
    assert {session.seat for session in made} == set(range(10))
    for seat in range(10):
        own = sorted({(item.join_seconds, item.script) for item in made if item.seat == seat})
        assert own[0][0] <= shape.ramp_seconds + MESSAGE_SECONDS
        ends = [join + lengths[script] for join, script in own]
        assert all(0 < join - end < 1 for end, (join, _) in zip(ends, own[1:], strict=False))
        assert ends[-1] >= shape.seconds - 1


def test_a_duplex_client_has_both_sides_at_once() -> None:
    made = sessions(Shape(duplex=3, seconds=5.0), (10.0,))
    assert Counter(session.side for session in made) == {Kind.ENCODE: 3, Kind.DECODE: 3}
    assert len({(session.seat, session.join_seconds) for session in made}) == 3


def test_phases_lie_evenly_in_the_period_of_messages() -> None:
    made = sessions(Shape(encode=64, seconds=1.0, ramp_seconds=0.0), (10.0,))
    phases = np.sort([session.join_seconds % MESSAGE_SECONDS for session in made])
    assert np.diff(phases).max() < 2.7 * MESSAGE_SECONDS / 64


def test_every_kth_session_of_each_kind_is_compared() -> None:
    made = sessions(Shape(encode=12, decode=12, seconds=10.0, check_every=4), (10.0,))
    for kind in (Kind.ENCODE, Kind.DECODE):
        assert [item.checked for item in made if item.kind is kind] == [n % 4 == 0 for n in range(12)]


def test_the_same_shape_gives_the_same_sessions() -> None:
    shape = Shape(encode=4, decode=4, seconds=30.0)
    assert sessions(shape, (3.0, 5.0)) == sessions(shape, (3.0, 5.0))
