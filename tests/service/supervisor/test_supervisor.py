"""One service through its life: start, death of a worker, new versions good and bad, going back, the end.

The tests are the chapters of one story on one running service, in this order, for a start costs seconds.
"""

import io
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from codec.checkpoint import draft_manifest, write_files
from codec.golden import CODES_FILE
from codec.repository import Repository
from tests.service.supervisor.serving import Serving, is_alive
from tests.service.tiny import publish_tiny, tiny_codec
from tests.support import voiced


class Story:
    """The service, its repository, and the version that it starts with."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.repository = Repository(work / "models")
        self.first = publish_tiny(self.repository.root, work, seed=1).version
        self.service = Serving(self.repository.root, workers=1, channel_poll_seconds=0.1, grace_seconds=10.0)
        wav = io.BytesIO()
        soundfile.write(wav, voiced(1.0), 16_000, format="WAV")
        self.wav = wav.getvalue()

    def encode(self, client: httpx.Client) -> httpx.Response:
        return client.post(f"{self.service.url}/encode?n_q=8", content=self.wav)

    def version(self) -> str:
        """The version that answers now."""
        with httpx.Client() as client:
            response = self.encode(client)
        assert response.status_code == 200, response.text
        return response.headers["x-codec-version"]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    story = Story(tmp_path_factory.mktemp("story"))
    with story.service:
        yield story


def test_it_gets_ready_and_serves(story: Story) -> None:
    story.service.event("version serving", version=story.first)
    story.service.wait(story.service.is_ready, "readiness")
    assert story.version() == story.first


def test_a_killed_worker_is_noticed_at_once_and_replaced(story: Story) -> None:
    (pid,) = story.service.pids("w1")
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    story.service.event("died", exit="signal SIGKILL")
    noticed = time.monotonic() - killed
    story.service.wait(lambda: not story.service.is_ready(), "unreadiness")
    story.service.wait(story.service.is_ready, "readiness")
    recovered = time.monotonic() - killed
    assert story.version() == story.first
    assert noticed < 0.5
    assert recovered < 30, "seconds of loading on an idle machine"
    print(f"kill -9: noticed after {noticed:.3f} s, ready again after {recovered:.1f} s")


def test_a_new_version_takes_over_without_a_failed_request(story: Story) -> None:
    answers: list[httpx.Response] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client() as client:
            while not done.is_set():
                answers.append(story.encode(client))

    asking = threading.Thread(target=ask)
    asking.start()
    old = story.service.pids()[-1]
    try:
        second = publish_tiny(story.repository.root, story.work, seed=2).version
        story.service.event("version serving", version=second)
        story.service.event("version gone", version=story.first)
    finally:
        done.set()
        asking.join()
    assert {answer.status_code for answer in answers} == {200}
    versions = [answer.headers["x-codec-version"] for answer in answers]
    switch = versions.index(second)
    assert versions == [story.first] * switch + [second] * (len(versions) - switch)
    assert not is_alive(old)


def nan_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    next(iter(tensors.values())).view(-1)[0] = torch.nan
    save_file(tensors, path)


def wrong_golden(folder: Path) -> None:
    codes = np.load(folder / CODES_FILE)
    np.save(folder / CODES_FILE, (codes + 1) % 1024)


def nothing(folder: Path) -> None:
    """Leave it as it is."""


def flipped_byte(version: Path) -> None:
    path = version / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("before", "after", "stage"),
    [
        (nothing, flipped_byte, "digest"),
        pytest.param(nan_weights, nothing, "weights", marks=pytest.mark.slow),
        pytest.param(wrong_golden, nothing, "golden", marks=pytest.mark.slow),
    ],
)
def test_a_bad_version_is_rejected_while_the_old_one_serves_on(
    story: Story, before: Callable[[Path], None], after: Callable[[Path], None], stage: str
) -> None:
    story.service.wait(story.service.is_ready, "readiness")
    before_it = story.version()
    folder = story.work / f"bad-{stage}"
    codec = tiny_codec(seed=3)
    write_files(codec, torch.from_numpy(voiced(1.0)).reshape(1, 1, -1), folder)
    before(folder)
    draft = draft_manifest(codec, "tiny", description=stage)
    bad = story.repository.publish("tiny", folder, draft, channel="incoming")
    after(bad.path)
    story.repository.set_channel("tiny", "stable", bad.version)
    rejected = story.service.event("version rejected", version=bad.version)
    assert rejected["stage"] == stage
    assert rejected["reason"]
    assert story.version() == before_it
    assert story.service.is_ready()
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twenty_loads_leave_no_process_descriptor_or_memory_behind(story: Story) -> None:
    story.service.wait(story.service.is_ready, "readiness")
    other = publish_tiny(story.repository.root, story.work, seed=7, channel="incoming").version
    wanted = [other, story.version()]
    gone = sum(line["message"] == "version gone" for line in story.service.log)
    seen: list[tuple[int, int, int]] = []
    supervisor = Path(f"/proc/{story.service.process.pid}")
    for turn in range(20):
        story.repository.set_channel("tiny", "stable", wanted[turn % 2])
        story.service.event("version gone", count=gone + turn + 1)
        status = (supervisor / "status").read_text()
        resident_kib = int(status.partition("VmRSS:")[2].split()[0])
        alive = sum(map(is_alive, story.service.pids()))
        seen.append((alive, len(list((supervisor / "fd").iterdir())), resident_kib))
    assert {(alive, descriptors) for alive, descriptors, _ in seen} == {seen[0][:2]}
    assert seen[-1][2] < 1.02 * seen[4][2], "resident memory of the supervisor"
    assert story.version() == wanted[1]


def test_sigterm_ends_it_in_order_and_leaves_no_process(story: Story) -> None:
    story.service.signal(signal.SIGTERM)
    assert story.service.exit_status() == 0
    assert [pid for pid in story.service.pids() if is_alive(pid)] == []
    assert story.service.log[-1]["message"] == "stopped"


def test_nothing_outlives_a_killed_supervisor(story: Story) -> None:
    with Serving(story.repository.root, workers=2) as service:
        service.wait(lambda: len(service.pids()) == 3, "three children")
        service.signal(signal.SIGKILL)
        service.wait(lambda: not [pid for pid in service.pids() if is_alive(pid)], "the end of the children")


def test_a_second_signal_ends_it_at_once(story: Story) -> None:
    with Serving(story.repository.root, workers=1, grace_seconds=60.0) as service:
        address = httpx.URL(service.url)
        # A request whose body never comes is work in flight, for which the first signal waits.
        with socket.create_connection((address.host, address.port)) as client:
            client.sendall(b"POST /encode HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
            time.sleep(0.2)
            service.signal(signal.SIGTERM)
            service.event("shutting down")
            service.signal(signal.SIGTERM)
            assert service.exit_status() == 1
        assert [pid for pid in service.pids() if is_alive(pid)] == []
