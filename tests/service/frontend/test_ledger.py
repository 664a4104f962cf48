"""Front ends that share the accounts of callers, in one process and as the service starts them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from codec.errors import ConfigError
from service.config import CallerLimits, SharedLedger
from service.frontend import ledger as module
from service.frontend.keys import Scope, add_key, digest_of
from service.frontend.ledger import Ledger
from service.frontend.quota import Quota
from service.status import ServiceError
from tests.service.supervisor.serving import Serving
from tests.service.tiny import publish_tiny
from tests.support import REPOSITORY_ROOT

KEY, OTHER = digest_of("cdk_one"), digest_of("cdk_other")
CONNECTIONS = 16
"""So many that the system deals them out to both front ends, but for one time in 30,000."""

# Opens streams one after the other, in the place that it is given, until one is refused.
OPENER = """
import pathlib, sys
from service.config import CallerLimits, SharedLedger
from service.frontend.ledger import Ledger
from service.frontend.quota import Quota
from service.status import ServiceError

shared = SharedLedger(path=pathlib.Path(sys.argv[1]), place=int(sys.argv[2]))
quota = Quota(CallerLimits(max_streams=1000), Ledger(shared, 2).account(b"a caller"))
print("ready", flush=True)
sys.stdin.readline()
opened = 0
try:
    while True:
        quota.open_stream()
        opened += 1
except ServiceError:
    print(opened, flush=True)
sys.stdin.readline()
"""


def ledger(folder: Path, place: int, places: int = 2) -> Ledger:
    return Ledger(SharedLedger(path=folder / "ledger", place=place), places)


def test_callers_are_told_apart_and_front_ends_are_not(tmp_path: Path) -> None:
    first, second = ledger(tmp_path, 0), ledger(tmp_path, 1)
    limits = CallerLimits(max_streams=3)
    mine, elsewhere = (Quota(limits, shared.account(KEY)) for shared in (first, second))
    stranger = Quota(limits, second.account(OTHER))
    mine.open_stream()
    mine.open_stream()
    elsewhere.open_stream()
    for quota in (mine, elsewhere):
        with pytest.raises(ServiceError, match="3 live streams"):
            quota.open_stream()
    stranger.open_stream()
    mine.close_stream()
    elsewhere.open_stream()
    assert (mine.streams, elsewhere.streams, stranger.streams) == (1, 2, 1)


def test_rates_and_waiting_audio_are_shared(tmp_path: Path) -> None:
    limits = CallerLimits(
        requests_per_second=0.3, audio_seconds_per_second=1.0, max_queued_audio_seconds=12.0
    )
    time = [0.0]
    mine, elsewhere = (
        Quota(limits, ledger(tmp_path, place).account(b""), clock=lambda: time[0]) for place in (0, 1)
    )
    mine.begin()
    elsewhere.begin()
    mine.begin()
    for quota in (mine, elsewhere):
        with pytest.raises(ServiceError, match=r"0\.3 requests per second"):
            quota.begin()
    mine.queue(9.0)
    with pytest.raises(ServiceError, match="12 s of audio waiting"):
        elsewhere.queue(9.0)
    mine.unqueue(9.0)
    elsewhere.queue(9.0)
    assert [quota.overdrawn for quota in (mine, elsewhere)] == [True, True]
    time[0] = 9.0
    assert [quota.overdrawn for quota in (mine, elsewhere)] == [False, False]
    mine.begin()
    elsewhere.begin()


def test_what_a_dead_front_end_had_open_is_closed_by_its_successor(tmp_path: Path) -> None:
    limits = CallerLimits(max_streams=2, requests_per_second=0.3)
    gone, stays = (Quota(limits, ledger(tmp_path, place).account(KEY)) for place in (0, 1))
    gone.open_stream()
    gone.queue(5.0)
    stays.open_stream()
    with pytest.raises(ServiceError, match="2 live streams"):
        stays.open_stream()
    account = ledger(tmp_path, 0).account(KEY)
    assert (account.streams.own, account.streams.others, account.queued_seconds.own) == (0, 1, 0)
    assert account.requests.own == 1, "what was used stays used"
    stays.open_stream()


def test_too_many_callers_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CALLERS", 4)
    shared = ledger(tmp_path, 0)
    for number in range(4):
        shared.account(digest_of(f"cdk_{number}"))
    shared.account(digest_of("cdk_3"))
    with pytest.raises(ConfigError, match="more than 4 keys"):
        shared.account(KEY)


def test_two_processes_that_take_places_at_once_never_take_too_many(tmp_path: Path) -> None:
    with ExitStack() as stack:
        openers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPENER, str(tmp_path / "ledger"), str(place)],
                    cwd=REPOSITORY_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                )
            )
            for place in (0, 1)
        ]  # fmt: skip
        for opener in openers:
            assert opener.stdout is not None
            assert opener.stdout.readline() == "ready\n"
        for opener in openers:
            assert opener.stdin is not None
            opener.stdin.write("go\n")
        opened = [int(opener.stdout.readline()) for opener in openers if opener.stdout is not None]
        for opener in openers:
            opener.communicate("end\n")
    assert 990 <= sum(opened) <= 1000, opened


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    file = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    live = add_key(file, "live", list(Scope), CallerLimits(max_streams=3))
    rare = add_key(file, "rare", list(Scope), CallerLimits(requests_per_second=0.02))
    return {"file": str(file), "live": live, "rare": rare}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Iterator[Serving]:
    work = tmp_path_factory.mktemp("work")
    publish_tiny(work / "models", work)
    with Serving(work / "models", workers=1, frontends=2, keys=Path(keys["file"])) as serving:
        serving.event("the front end listens", count=2)
        serving.wait(lambda: ready_front_ends(serving) == 2, "readiness")
        yield serving


def ready_front_ends(serving: Serving) -> int:
    return [line["message"] for line in list(serving.log)].count("a worker is there")


def open_streams(serving: Serving, key: str, stack: ExitStack) -> list[ClientConnection]:
    """As many live streams as are given away."""
    url = httpx.URL(serving.url)
    opened = []
    for _ in range(CONNECTIONS):
        socket = stack.enter_context(
            connect(f"ws://{url.host}:{url.port}/stream", additional_headers={"X-Api-Key": key})
        )
        socket.send('{"type": "open", "operation": "encode"}')
        if '"opened"' in str(socket.recv(timeout=30)):
            opened.append(socket)
    return opened


def test_a_key_has_its_streams_once_however_many_front_ends_there_are(
    serving: Serving, keys: dict[str, str]
) -> None:
    with ExitStack() as stack:
        assert len(open_streams(serving, keys["live"], stack)) == 3
    again: list[ClientConnection] = []
    with ExitStack() as stack:

        def are_free() -> bool:
            again.extend(open_streams(serving, keys["live"], stack))
            return len(again) >= 3

        serving.wait(are_free, "the end of the streams before")
        assert len(again) == 3


def test_a_key_has_its_requests_once_however_many_front_ends_there_are(
    serving: Serving, keys: dict[str, str]
) -> None:
    headers = {"X-Api-Key": keys["rare"], "Content-Type": "audio/L16;rate=16000;channels=1"}
    answers = [
        httpx.post(f"{serving.url}/encode", content=bytes(3200), headers=headers).status_code
        for _ in range(CONNECTIONS)
    ]
    assert answers == [200] + [429] * (CONNECTIONS - 1)
