"""How long a client tries to open a lost stream again."""

import pytest

from proto.codec.v1 import codec_pb2 as pb
from service.client import RefusedError, Selection, TryAgainError
from service.client.errors import ClientError
from service.client.history import History
from service.client.persistence import Persistence
from service.client.talks import EncodeTalk


def test_it_gives_up_when_the_time_is_over_and_at_once_where_it_makes_no_sense() -> None:
    clock = iter([0.0, 1.0, 5.0, 5.1])
    lost: ClientError = TryAgainError("unavailable", "gone", 1.0)
    talk, persistence = EncodeTalk(Selection()), Persistence(5.0, lambda: next(clock))
    with pytest.raises(TryAgainError):
        persistence.delay_seconds(talk, lost)  # it was never open
    opened = pb.Opened(identity=pb.Identity(model="m", version="1-a", token_space="s"), prime_frames=3)
    assert list(talk.chunks(pb.StreamEncodeResponse(opened=opened))) == []
    with pytest.raises(RefusedError):
        persistence.delay_seconds(talk, RefusedError("invalid_argument", "no"))
    delays = [persistence.delay_seconds(talk, lost) for _ in range(2)]
    assert delays[0] == 0.0
    assert 0 < delays[1] <= 0.05
    with pytest.raises(TryAgainError):
        persistence.delay_seconds(talk, lost)
    assert not Persistence(0.0).is_on


def test_a_version_that_is_gone_is_asked_for_once() -> None:
    talk, persistence = EncodeTalk(Selection()), Persistence(5.0)
    opened = pb.Opened(identity=pb.Identity(model="m", version="1-a", token_space="s"), hop_samples=4)
    assert list(talk.chunks(pb.StreamEncodeResponse(opened=opened))) == []
    assert talk.open(History()).open.model == pb.ModelRef(model="m", version="1-a")
    unknown = RefusedError("not_found", "no such version")
    assert persistence.delay_seconds(talk, unknown) == 0.0
    assert talk.open(History()).open.model == pb.ModelRef()
    with pytest.raises(RefusedError):
        persistence.delay_seconds(talk, unknown)
