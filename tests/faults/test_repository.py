"""The model repository goes bad while checked work goes on: never served, told why, and healed by itself."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch

from codec.checkpoint import draft_manifest, write_files
from codec.repository import Repository
from tests.faults import repositories
from tests.faults.checks import check_all
from tests.faults.load import GOOD, CheckedLoad
from tests.faults.repositories import CHANNEL_FAULTS, DAMAGES, Damage, channel_file, publish_damaged
from tests.faults.service import MODEL, FaultyService
from tests.service.tiny import publish_tiny, tiny_codec
from tests.support import REPOSITORY_ROOT, voiced

# On a busy machine a start takes a while.
pytestmark = pytest.mark.timeout(300)

QUICK_DAMAGES = ("half-published", "thousands of faults")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyService]:
    with FaultyService(tmp_path_factory.mktemp("repository")) as service:
        service.wait_ready()
        yield service


@pytest.mark.parametrize("damage", CHANNEL_FAULTS, ids=lambda damage: damage.__name__)
def test_a_hostile_channel_file_changes_nothing_and_is_told(damage: Damage, service: FaultyService) -> None:
    path = channel_file(service.root)
    sound = path.read_bytes()
    try:
        damage(path)
        service.wait(lambda: "channel" in told(service), "that GET /models says so")
        assert service.metric("codec_model_load_failures_total", model=MODEL, stage="channel")
        assert service.model()["version"] == service.first.version
    finally:
        remove(path)
        path.write_bytes(sound)
    service.wait(lambda: "channel" not in told(service), "that it is over")
    check_all(service)


def test_a_channel_that_names_no_version_changes_nothing(service: FaultyService) -> None:
    path = channel_file(service.root)
    sound = path.read_bytes()
    try:
        repositories.unknown_version(path)
        service.wait(lambda: "99-0123456789ab" in service.rejected(), "the rejection")
        assert service.model()["version"] == service.first.version
    finally:
        path.write_bytes(sound)
    check_all(service)


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK_DAMAGES else pytest.param(name, marks=pytest.mark.slow) for name in DAMAGES],
)
def test_a_damaged_version_is_never_served_while_the_old_one_is(name: str, service: FaultyService) -> None:
    before, after, stage = DAMAGES[name]
    repository = Repository(service.root)
    with CheckedLoad(service) as load:
        load.wait_for(3)
        failures = service.metric("codec_model_load_failures_total", model=MODEL)
        bad = publish_damaged(
            service.root, service.work, 100 + list(DAMAGES).index(name), before=before, after=after
        )
        service.wait(lambda: bad.version in service.rejected(), "the rejection")
        assert service.rejected()[bad.version][0] == stage
        assert service.rejected()[bad.version][1]
        assert service.metric("codec_model_load_failures_total", model=MODEL) > failures
        assert service.model()["version"] == service.first.version
        load.wait_for(3, since=time.monotonic())
    assert set(load.verdicts()) == {GOOD}
    repository.set_channel(MODEL, "stable", service.first.version)


@pytest.mark.slow
def test_many_long_reasons_do_not_take_the_front_end_down(service: FaultyService) -> None:
    front_end = service.child("service.frontend").pid
    damage = repositories.manifest_of_thousands_of_faults
    for seed in range(200, 206):
        bad = publish_damaged(service.root, service.work, seed, before=repositories.nothing, after=damage)
        service.wait(lambda version=bad.version: version in service.rejected(), "the rejection")  # type: ignore[misc]
    assert service.child("service.frontend").pid == front_end
    Repository(service.root).set_channel(MODEL, "stable", service.first.version)
    check_all(service)


def test_a_repository_that_goes_away_is_missed_by_nobody_until_it_is_back(service: FaultyService) -> None:
    away = service.root.with_name("away")
    with CheckedLoad(service) as load:
        load.wait_for(3)
        service.root.rename(away)
        service.wait(lambda: "channel" in told(service), "that GET /models says so")
        load.wait_for(3, since=time.monotonic())
        service.root.mkdir()  # an empty one, as where a volume is not mounted
        time.sleep(0.5)
        load.wait_for(3, since=time.monotonic())
        service.root.rmdir()
        away.rename(service.root)
        service.wait(lambda: "channel" not in told(service), "that it is over")
    assert set(load.verdicts()) == {GOOD}


@pytest.mark.slow
def test_a_worker_that_dies_without_a_repository_is_replaced_when_it_is_back(service: FaultyService) -> None:
    away = service.root.with_name("away")
    service.root.rename(away)
    service.child("service.worker").kill()
    service.wait(lambda: not service.ready(), "unreadiness")
    time.sleep(8)
    assert httpx.get(f"{service.base_url}/health/live").status_code == 200
    assert not service.ready()
    away.rename(service.root)
    service.wait_ready()
    check_all(service)


def test_a_full_disk_stops_the_publisher_and_nobody_else(service: FaultyService) -> None:
    """A publisher whose files may not grow gets a clear error, leaves nothing, and the next one succeeds."""
    versions = Repository(service.root).versions(MODEL)
    codec, files = tiny_codec(5), service.work / "full"
    write_files(codec, torch.from_numpy(voiced(1.0)).reshape(1, 1, -1), files)
    draft = draft_manifest(codec, MODEL, "a version that the disk has no room for").model_dump_json()
    command = [sys.executable, "-c", _PUBLISH, str(service.root), str(files), draft]
    with CheckedLoad(service) as load:
        load.wait_for(3)
        done = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, text=True, timeout=60)
        assert "File too large" in done.stderr, done.stderr
        load.wait_for(3, since=time.monotonic())
    assert set(load.verdicts()) == {GOOD}
    assert Repository(service.root).versions(MODEL) == versions
    assert sorted(path.name for path in (service.root / MODEL / "versions").iterdir()) == sorted(versions)
    assert service.model()["version"] == service.first.version


def test_a_good_version_after_all_this_is_served(service: FaultyService) -> None:
    good = publish_tiny(service.root, service.work, seed=7, name=MODEL)
    service.wait(lambda: service.model().get("version") == good.version, "the new version")
    assert service.ready()


def test_a_hung_file_system_does_not_hold_the_end_up(service: FaultyService) -> None:
    """A pipe that nobody writes to stands in for a network file system whose server is gone."""
    path = channel_file(service.root)
    path.unlink()
    os.mkfifo(path)
    time.sleep(0.5)
    assert service.ready()
    service.signal(signal.SIGTERM)
    began = time.monotonic()
    status = service.exit_status()
    assert status == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("state", ["absent", "empty", "file"])
def test_without_a_repository_there_is_a_reason_and_an_exit_status(state: str, tmp_path: Path) -> None:
    root = tmp_path / "models"
    if state == "empty":
        root.mkdir()
    elif state == "file":
        root.write_text("not a folder")
    command = [sys.executable, "-m", "codec.cli", "serve", "--repository", str(root), "--http-port", "0"]
    done = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert str(root) in done.stderr
    assert "Traceback" not in done.stderr


def told(service: FaultyService) -> set[str]:
    """The stages of all that is refused now."""
    return {stage for stage, _ in service.rejected().values()}


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# A file that may not grow further gives a Python program an error, as a full disk does.
_PUBLISH = """
import resource, sys
from pathlib import Path
from codec.manifest import ManifestDraft
from codec.repository import Repository
resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
draft = ManifestDraft.model_validate_json(sys.argv[3])
Repository(Path(sys.argv[1])).publish(draft.name, Path(sys.argv[2]), draft)
"""
