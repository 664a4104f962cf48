"""Malformed everything, by the thousand: always the caller's fault, never ours, and nothing grows."""

import pytest

from tests.faults.fuzz import Fuzz, Held
from tests.faults.service import FaultyService

_GROWTH_MB = 60.0


@pytest.mark.parametrize(
    ("count", "seed"),
    [
        pytest.param(1200, 0, marks=pytest.mark.timeout(300)),
        pytest.param(20_000, 10_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_damaged_bodies_and_messages_are_refused_and_the_next_good_one_is_right(
    count: int, seed: int, tiny_service: FaultyService
) -> None:
    fuzz = Fuzz(tiny_service, seed)
    worker, front_end = (tiny_service.child(module).pid for module in ("service.worker", "service.frontend"))
    fuzz.run(count // 4)
    before = Held.by(tiny_service)
    fuzz.run(count - count // 4)
    after = Held.by(tiny_service)
    assert fuzz.problems == []
    assert fuzz.http.sent + fuzz.rpc.sent + fuzz.websocket.sent >= count
    # Damage that never matters, or that always does, would test one side of every check only.
    right = (fuzz.http.answers["200"], fuzz.rpc.answers["OK"], fuzz.websocket.answers["OK"])
    wrong = (
        fuzz.http.answers["unsupported_media"],
        fuzz.rpc.answers["INVALID_ARGUMENT"],
        fuzz.websocket.answers["INVALID_ARGUMENT"],
    )
    assert min(right) > count / 100
    assert min(wrong) > count / 50
    refused = fuzz.rpc.answers["RESOURCE_EXHAUSTED"] + fuzz.websocket.answers["OVERLOADED"]
    assert refused < count / 50
    assert (worker, front_end) == tuple(
        tiny_service.child(module).pid for module in ("service.worker", "service.frontend")
    )
    assert after.frontend_mb - before.frontend_mb < _GROWTH_MB
    assert after.worker_mb - before.worker_mb < _GROWTH_MB
    assert after.descriptors <= before.descriptors + 8
