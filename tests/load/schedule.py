"""Who streams what and when: joins, phases and leaves of a load, settled before it begins."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tests.load.scripts import MESSAGE_SECONDS

_GOLDEN = 0.618034
"""Multiples of it, modulo one, lie evenly in a period however many there are."""

_PAUSE_SECONDS = 0.5


class Kind(StrEnum):
    """What a client does. DUPLEX: both sides of a call, encode and decode at a time."""

    ENCODE = "encode"
    DECODE = "decode"
    DUPLEX = "duplex"


SIDES = {
    Kind.ENCODE: (Kind.ENCODE,),
    Kind.DECODE: (Kind.DECODE,),
    Kind.DUPLEX: (Kind.ENCODE, Kind.DECODE),
}
"""The gRPC streams of a client."""


@dataclass(frozen=True, slots=True)
class Session:
    """One gRPC stream. `kind`: of the client, `side`: of the stream, ENCODE or DECODE; `seat`: which client;
    `join_seconds`: after the beginning of the load; `script`: which clip; `checked`: whether what comes back
    is compared; `retry_until_seconds`: until when a client asks again if it is refused."""

    kind: Kind
    side: Kind
    seat: int
    join_seconds: float
    script: int
    checked: bool
    retry_until_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """Clients of each kind, all of them there from `ramp_seconds` to `seconds`.

    `check_every`: of the sessions of a kind every k-th is compared with known codes; `seed` of the order in
    which a seat plays clips.
    """

    encode: int = 0
    decode: int = 0
    duplex: int = 0
    seconds: float = 60.0
    ramp_seconds: float = 5.0
    check_every: int = 4
    seed: int = 0

    def count(self, kind: Kind) -> int:
        """Clients of a kind."""
        return {Kind.ENCODE: self.encode, Kind.DECODE: self.decode, Kind.DUPLEX: self.duplex}[kind]

    @property
    def clients(self) -> int:
        """Of all kinds."""
        return self.encode + self.decode + self.duplex

    def __str__(self) -> str:
        return " + ".join(f"{self.count(kind)} {kind}" for kind in Kind if self.count(kind)) or "nobody"


def sessions(shape: Shape, lengths: tuple[float, ...]) -> list[Session]:
    """Every session of a load. `lengths`: of the clips, in seconds.

    Joins of the first ones are spread over the ramp, and within the period of messages no two at the same
    place. When a clip is over, its client leaves and a little later joins again with another one.
    """
    made: list[Session] = []
    so_far: Counter[Kind] = Counter()
    rng = np.random.default_rng(shape.seed)
    kinds = [kind for kind in Kind for _ in range(shape.count(kind))]
    for seat, place in enumerate(rng.permutation(len(kinds))):
        kind = kinds[place]
        join = shape.ramp_seconds * seat / len(kinds) + (seat * _GOLDEN % 1) * MESSAGE_SECONDS
        while join < shape.seconds:
            script = int(rng.integers(len(lengths)))
            checked = so_far[kind] % shape.check_every == 0
            so_far[kind] += 1
            made += [Session(kind, side, seat, join, script, checked) for side in SIDES[kind]]
            join += lengths[script] + _PAUSE_SECONDS
    return made
