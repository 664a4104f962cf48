"""The wall clock jumps, by hours and in both directions; deadlines and time-outs do not notice."""

import ast
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import grpc
import httpx
import pytest

from tests.faults.checks import check_all, check_encode, check_stream
from tests.faults.load import GOOD, CheckedLoad
from tests.faults.service import FaultyService
from tests.import_graph import Module, modules

# What may ask for the time of day: what people read.
_FOR_PEOPLE = {
    "service.logs": "the time of a log line",
    "service.supervisor.channel_target": "the metric that tells when a channel was read",
    "codec.version": "when a version was made",
}
_WALL_CLOCK = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"}
_WALL_METHODS = {"now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp"}

_HOUR_SECONDS = 3600.0
_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/local/lib/faketime",
)


def wall_clock_uses(module: Module) -> list[str]:
    """Where a module asks for the time of day, as `line: expression`."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            owner = ast.unparse(node.value).rpartition(".")[2]
            if text in _WALL_CLOCK or (owner in ("datetime", "date") and node.attr in _WALL_METHODS):
                found.append(f"{node.lineno}: {text}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{node.lineno}: from time import {alias.name}" for alias in node.names]
    return found


def test_nothing_in_the_service_asks_for_the_time_of_day() -> None:
    uses = {name: wall_clock_uses(module) for name, module in modules("service", "codec").items()}
    assert {name for name, found in uses.items() if found} <= set(_FOR_PEOPLE), uses


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("import time\ntime.time()", 1),
        ("from time import time", 1),
        ("import datetime\ndatetime.datetime.now()", 1),
        ("import time\ntime.monotonic()", 0),
    ],
)
def test_the_search_finds_what_it_is_for(text: str, count: int) -> None:
    assert len(wall_clock_uses(Module("made.up", Path("made_up.py"), text, ast.parse(text)))) == count


class Clock:
    """Moves the wall clock of a process that was started under `prefix`, by a file."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "clock"
        self.set(0.0)
        self.prefix = (
            "env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={self._file}", "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1",
        )  # fmt: skip

    def set(self, offset_seconds: float) -> None:
        """Have the clock show the true time and so many seconds."""
        draft = self._file.with_suffix(".part")
        draft.write_text(f"{offset_seconds:+.0f}\n")
        draft.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A wall clock that can be moved; skips without libfaketime."""
    found = [path for folder in _LIBRARIES if (path := Path(folder) / "libfaketimeMT.so.1").exists()]
    if not found:
        pytest.skip("libfaketime is not installed (Debian: libfaketime)")
    return Clock(tmp_path, found[0])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_jumps_of_the_wall_clock_change_nothing(clock: Clock, tmp_path: Path) -> None:
    with FaultyService(tmp_path, clock.prefix) as service:
        service.wait_ready()
        with CheckedLoad(service) as load:
            for offset in (0.0, _HOUR_SECONDS, -_HOUR_SECONDS, 30 * 24 * _HOUR_SECONDS, 0.0):
                clock.set(offset)
                load.wait_for(6, since=time.monotonic())
                load.wait_for(2, since=time.monotonic(), call="stream")
                service.wait(lambda offset=offset: is_told(service, offset), "that the service sees the jump")  # type: ignore[misc]
                assert service.ready()
        assert set(load.verdicts()) == {GOOD}
        _assert_calls_with_deadlines_survive(service, clock)
        check_all(service)


def is_told(service: FaultyService, offset_seconds: float) -> bool:
    """Whether the dates of the answers are so far from the true one."""
    date = httpx.get(f"{service.base_url}/health/live").headers["date"]
    return abs(parsedate_to_datetime(date).timestamp() - time.time() - offset_seconds) < 60


def _assert_calls_with_deadlines_survive(service: FaultyService, clock: Clock) -> None:
    """A call that began before a jump has the time that it was promised."""
    clip = service.clips[2]
    with (
        httpx.Client(base_url=service.base_url, headers={"X-Request-Timeout-Ms": "8000"}) as client,
        grpc.insecure_channel(service.grpc_target) as channel,
    ):
        for offset in (2 * _HOUR_SECONDS, -2 * _HOUR_SECONDS):
            clock.set(offset)
            assert check_encode(client, clip).status_code == 200
            check_stream(channel, clip, 8.0)
