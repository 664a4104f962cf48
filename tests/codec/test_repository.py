import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from codec.errors import NotFoundError, RepositoryError
from codec.repository import Channel, Repository
from codec.served import Served
from tests.codec.published import NAME, make_draft, make_files
from tests.support import REPOSITORY_ROOT

# For every number k that comes in, publishes from a process that is killed just before its k-th lasting step
# on the file system, and answers with how that process ended.
KILLED_PUBLISHER = """
import os, pathlib, signal, sys
from codec.repository import Repository
from tests.codec.published import NAME, make_draft

root, source = map(pathlib.Path, sys.argv[1:])

def publish_and_die(deadly):
    steps = 0
    def count(function):
        def counted(*arguments, **options):
            nonlocal steps
            steps += 1
            if steps == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return counted
    for name in ("open", "fsync", "rename", "replace", "mkdir"):
        setattr(os, name, count(getattr(os, name)))
    Repository(root).publish(NAME, source, make_draft())

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        publish_and_die(int(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

PUBLISHER = """
import pathlib, sys
from codec.repository import Repository
from tests.codec.published import NAME, make_draft

print(Repository(pathlib.Path(sys.argv[1])).publish(NAME, pathlib.Path(sys.argv[2]), make_draft()).version)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "models")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_files(tmp_path / "source")


def python(script: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", script, *map(str, arguments)]


def ask(process: subprocess.Popen[str], number: int) -> int:
    """Send a number, and return the number that comes back."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{number}\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def test_publish_and_resolve(repository: Repository, source: Path) -> None:
    published = repository.publish(NAME, source, make_draft())
    assert published.version.startswith("1-")
    assert repository.models() == (NAME,)
    assert repository.versions(NAME) == (published.version,)
    assert repository.channels(NAME) == {"stable": Channel(version=published.version, generation=1)}
    assert repository.resolve(NAME) == repository.resolve(f"{NAME}@stable") == published
    by_version = repository.resolve(f"{NAME}@{published.version}")
    assert (by_version.path, by_version.channel, by_version.generation) == (published.path, None, None)
    assert repository.verify(published).metrics == {"stoi": 0.9}
    assert (published.path / "golden" / "input.wav").read_bytes() == b"RIFF"


def test_the_files_are_laid_out_as_promised(repository: Repository, source: Path) -> None:
    version = repository.publish(NAME, source, make_draft()).version
    model = repository.root / NAME
    assert json.loads((model / "channels" / "stable.json").read_text()) == {
        "version": version,
        "generation": 1,
    }
    assert (model / "versions" / version / "manifest.json").is_file()
    assert sorted(entry.name for entry in model.iterdir()) == [".lock", "channels", "versions"]


def test_versions_count_up_in_order(repository: Repository, source: Path) -> None:
    made = [repository.publish(NAME, source, make_draft()).version for _ in range(11)]
    assert repository.versions(NAME) == tuple(made)
    assert made[10].startswith("11-")
    # The same content has the same digest under every number.
    assert len({version.partition("-")[2] for version in made}) == 1
    assert repository.resolve(NAME).generation == 11


def test_channels_move_apart_and_back(repository: Repository, source: Path) -> None:
    old = repository.publish(NAME, source, make_draft()).version
    new = repository.publish(NAME, make_files(source, b"better"), make_draft(), channel="canary").version
    assert repository.resolve(NAME).version == old
    assert repository.resolve(f"{NAME}@canary").version == new
    assert repository.set_channel(NAME, "stable", new) == Channel(version=new, generation=2)
    assert repository.set_channel(NAME, "stable", old) == Channel(version=old, generation=3)
    assert repository.resolve(NAME).version == old
    summary = {"name": NAME, "versions": [old, new], "channels": {"canary": new, "stable": old}}
    assert repository.summary(NAME) == summary


def test_what_served_is_noted_once_and_in_the_order_of_the_moves(
    repository: Repository, source: Path
) -> None:
    one = repository.publish(NAME, source, make_draft()).version
    two = repository.publish(NAME, make_files(source, b"better"), make_draft()).version
    assert repository.read_served(NAME, "stable") == Served()
    repository.note_served(NAME, "stable", one, 1)
    repository.note_served(NAME, "stable", two, 2)
    noted = Served(versions=(one, two), generation=2)
    assert repository.read_served(NAME, "stable") == noted
    repository.note_served(NAME, "stable", one, 1)  # by a replica that was slow
    repository.note_served(NAME, "stable", two, 2)  # by one that was not
    assert repository.read_served(NAME, "stable") == noted
    assert repository.channels(NAME) == {"stable": Channel(version=two, generation=2)}
    (repository.root / NAME / "channels" / "stable.json").unlink()
    repository.set_channel(NAME, "stable", one)
    repository.note_served(NAME, "stable", one, 1)
    assert repository.read_served(NAME, "stable") == Served(versions=(one,), generation=1)


def test_nobody_waits_for_a_publisher_to_note_what_served(repository: Repository, source: Path) -> None:
    version = repository.publish(NAME, source, make_draft()).version
    with (repository.root / NAME / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            repository.note_served(NAME, "stable", version, 1)
    repository.note_served(NAME, "stable", version, 1)
    assert repository.read_served(NAME, "stable").versions == (version,)


@pytest.mark.parametrize("content", ["", '{"versions": ["', '{"versions": ["stable"], "generation": 1}'])
def test_damaged_notes_are_told(repository: Repository, source: Path, content: str) -> None:
    repository.publish(NAME, source, make_draft())
    (repository.root / NAME / "channels" / "stable.served").write_text(content)
    with pytest.raises(RepositoryError, match=r"stable\.served is damaged; delete it"):
        repository.read_served(NAME, "stable")
    assert repository.read_channel(NAME, "stable").generation == 1


def test_a_missing_repository_says_so(repository: Repository) -> None:
    for call in (repository.models, lambda: repository.versions(NAME), lambda: repository.resolve(NAME)):
        with pytest.raises(NotFoundError, match="no model repository at"):
            call()


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("other", "no model 'other'.*models: tiny"),
        (f"{NAME}@beta", "no channel 'beta'; its channels: stable"),
        (f"{NAME}@9-0123456789ab", "no version '9-0123456789ab'; versions: 1-"),
    ],
)
def test_what_is_absent_is_named_beside_what_is_there(
    repository: Repository, source: Path, ref: str, message: str
) -> None:
    repository.publish(NAME, source, make_draft())
    with pytest.raises(NotFoundError, match=message):
        repository.resolve(ref)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "@",
        "@stable",
        f"{NAME}@",
        "..",
        "../tiny",
        f"{NAME}@../x",
        f"{NAME}@Stable",
        f"{NAME}@a@b",
        "/etc",
    ],
)
def test_references_cannot_leave_the_repository(repository: Repository, source: Path, ref: str) -> None:
    repository.publish(NAME, source, make_draft())
    with pytest.raises(RepositoryError):
        repository.resolve(ref)


def test_bad_names_are_not_published(repository: Repository, source: Path) -> None:
    for name, channel in (
        ("../x", "stable"),
        ("", "stable"),
        (NAME, "../x"),
        (NAME, ""),
        (NAME, "1-0123456789ab"),
    ):
        with pytest.raises(RepositoryError, match="is no"):
            repository.publish(name, source, make_draft(), channel)
    with pytest.raises(RepositoryError, match="publish under one name"):
        repository.publish("other", source, make_draft())
    assert not repository.root.exists()


def test_a_channel_cannot_point_at_nothing(repository: Repository, source: Path) -> None:
    repository.publish(NAME, source, make_draft())
    with pytest.raises(NotFoundError, match="no version"):
        repository.set_channel(NAME, "stable", "9-0123456789ab")
    assert repository.resolve(NAME).generation == 1


@pytest.mark.parametrize(
    "content", ["", "{", '{"version": "x", "generation": 1}', '{"version": "1-0123456789ab"}']
)
def test_a_damaged_channel_file_says_so(repository: Repository, source: Path, content: str) -> None:
    repository.publish(NAME, source, make_draft())
    (repository.root / NAME / "channels" / "stable.json").write_text(content)
    with pytest.raises(RepositoryError, match=r"stable\.json is damaged"):
        repository.resolve(NAME)


def test_a_tampered_version_is_found(repository: Repository, source: Path) -> None:
    published = repository.publish(NAME, source, make_draft())
    (published.path / "model.safetensors").write_bytes(b"malware")
    with pytest.raises(RepositoryError, match="not the published file"):
        repository.verify(published)


def test_a_version_under_another_name_is_found(repository: Repository, source: Path) -> None:
    published = repository.publish(NAME, source, make_draft())
    published.path.rename(published.path.with_name("5-0123456789ab"))
    with pytest.raises(RepositoryError, match="cannot be renamed"):
        repository.verify(repository.resolve(f"{NAME}@5-0123456789ab"))


def test_a_publisher_killed_at_any_step_changes_nothing_or_everything(
    repository: Repository, source: Path
) -> None:
    old = repository.publish(NAME, source, make_draft())
    make_files(source, b"better")
    moved = False
    deaths = 0
    command = python(KILLED_PUBLISHER, repository.root, source)
    with subprocess.Popen(
        command, cwd=REPOSITORY_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as publisher:
        while ask(publisher, deaths + 1) == -signal.SIGKILL:
            deaths += 1
            current = repository.resolve(NAME)
            moved = moved or current.version != old.version
            assert moved or current == old
            for version in repository.versions(NAME):
                repository.verify(repository.resolve(f"{NAME}@{version}"))
    assert publisher.returncode == 0
    assert deaths > 15
    assert moved
    assert repository.resolve(NAME).version == repository.versions(NAME)[-1]
    # The last publisher lived, and cleaned up after the others.
    folders = (repository.root / NAME / "versions", repository.root / NAME / "channels")
    assert not [entry for folder in folders for entry in folder.iterdir() if entry.name.startswith(".")]


def test_concurrent_publishers_make_distinct_versions(repository: Repository, source: Path) -> None:
    command = python(PUBLISHER, repository.root, source)
    publishers = [subprocess.Popen(command, cwd=REPOSITORY_ROOT, stdout=subprocess.PIPE) for _ in range(4)]
    made = [publisher.communicate()[0].decode().strip() for publisher in publishers]
    assert sorted(made) == sorted(repository.versions(NAME))
    assert [version.partition("-")[0] for version in repository.versions(NAME)] == ["1", "2", "3", "4"]
    assert repository.resolve(NAME).generation == 4
    for version in made:
        repository.verify(repository.resolve(f"{NAME}@{version}"))


def test_a_repository_that_cannot_be_written_is_still_read(repository: Repository, source: Path) -> None:
    published = repository.publish(NAME, source, make_draft())
    lock = repository.root / NAME / ".lock"
    lock.unlink()
    os.chmod(repository.root / NAME, 0o555)
    try:
        assert repository.verify(repository.resolve(NAME)).version == published.version
        assert not lock.exists()
    finally:
        os.chmod(repository.root / NAME, 0o755)
