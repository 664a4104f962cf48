"""Results of several processes, put together by kind, seat and time, and kept in files on the way."""

from pathlib import Path

import numpy as np
import pytest

from tests.load.results import Outcome, Part, SessionResult
from tests.load.schedule import Kind

NEVER = float("nan")


def session(seat: int, *, status: str = "", opened: float = 0.01, kind: Kind = Kind.ENCODE) -> SessionResult:
    return SessionResult(
        kind, kind, seat, 0.0, opened, 0.02, 10.0, status, "detail", 1000 if status else -1, "v", True, seat
    )


@pytest.fixture
def parts() -> list[Part]:
    first, second = Part(cores=0.25), Part(cores=0.5)
    due = np.arange(10.0)
    first.add(session(0), due, np.full(10, 0.010), np.zeros(10))
    first.add(session(1, status="UNAVAILABLE"), due[:2], np.full(2, np.inf), np.zeros(2))
    refused = session(2, status="RESOURCE_EXHAUSTED", opened=NEVER, kind=Kind.DECODE)
    second.add(refused, np.zeros(0), np.zeros(0), np.zeros(0))
    second.add(session(3, kind=Kind.DECODE), due, np.linspace(0.001, 0.010, 10), np.full(10, 0.1))
    return [first, second]


def test_files_bring_everything_back(parts: list[Part], tmp_path: Path) -> None:
    parts[1].save(tmp_path / "part1")
    found = Part.load(tmp_path / "part1")
    assert found.cores == 0.5
    assert found.sessions[1] == parts[1].sessions[1]
    assert found.sessions[0].refused
    for name in ("due", "lateness", "late"):
        for got, wanted in zip(getattr(found, name), getattr(parts[1], name), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_a_refusal_is_not_a_failure(parts: list[Part]) -> None:
    everyone = Outcome.of(parts)
    assert [item.seat for item in everyone.refused] == [2]
    assert [item.seat for item in everyone.failed] == [1]
    assert everyone.wrong == 6


def test_who_was_turned_away_before_the_span_was_turned_away(parts: list[Part]) -> None:
    found = Outcome.of(parts, None, (1e6, 2e6))
    assert [item.seat for item in found.refused] == [2]
    assert [item.seat for item in found.failed] == [1]
    assert len(found.sessions) == 2


def test_messages_count_that_were_due_in_the_span(parts: list[Part]) -> None:
    found = Outcome.of(parts, Kind.DECODE, (2.0, 4.0))
    assert found.quantiles.count == 3
    assert found.quantiles.max_ms == pytest.approx(5.0)
    assert found.worst_p99_ms == pytest.approx(5.0)
    assert not found.punctuality.on_time


def test_seats_can_be_looked_at_alone(parts: list[Part]) -> None:
    found = Outcome.of(parts, None, seats=range(1))
    assert [item.seat for item in found.sessions] == [0]
    assert found.punctuality.on_time
    assert found.underruns == 0
