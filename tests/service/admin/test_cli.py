"""`codecd admin` steers a real service: two front ends, tiny models, one story in this order."""

import argparse
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import soundfile

from codec.errors import InvalidRequestError, NotFoundError
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.admin.cli import register_admin
from tests.service.supervisor.serving import Serving, is_alive
from tests.service.tiny import publish_tiny
from tests.support import free_port, voiced

pytestmark = pytest.mark.usefixtures("single_thread")


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    register_admin(parser.add_subparsers())
    return parser.parse_args(["admin", *arguments])


class Story:
    """The service, the version that it starts with, another one, and who watches."""

    def __init__(self, work: Path) -> None:
        root = work / "models"
        self.first = publish_tiny(root, work, seed=1).version
        self.service = Serving(
            root, workers=1, frontends=2, channel_poll_seconds=60.0, grace_seconds=10.0, admin_port=0
        )
        self.second = publish_tiny(root, work, seed=2, channel="incoming").version
        self.watched: list[str] = []
        wav = io.BytesIO()
        soundfile.write(wav, voiced(0.5), 16_000, format="WAV")
        self.wav = wav.getvalue()

    def admin(self, action: str, *arguments: str) -> int:
        """Run `codecd admin` against the service."""
        port = self.service.event("admin listens")["admin_port"]
        parsed = parse(action, *arguments, "--url", f"http://127.0.0.1:{port}")
        return int(parsed.run(parsed))

    def version(self, model: str = "tiny") -> str:
        """The version that answers, asked for on a connection of its own; a front end may be the last to
        hear of a worker, and says so."""
        url = f"{self.service.url}/encode?n_q=8&model={model}"
        deadline = time.monotonic() + 60
        while (answer := httpx.post(url, content=self.wav)).status_code == 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-codec-version"]

    def watch(self) -> None:
        """Note what Models.Watch says until the service ends."""
        target = f"127.0.0.1:{self.service.event('the front end listens')['grpc_port']}"
        with grpc.insecure_channel(target) as channel:
            try:
                for listed in codec_pb2_grpc.ModelsStub(channel).Watch(pb.WatchModelsRequest()):
                    self.watched += [model.identity.version for model in listed.models]
            except grpc.RpcError:
                return


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    story = Story(tmp_path_factory.mktemp("story"))
    with story.service:
        story.service.event("the front end listens", count=2)
        story.service.wait(story.service.is_ready, "readiness")
        watching = threading.Thread(target=story.watch)
        watching.start()
        yield story
    watching.join(10)
    assert not watching.is_alive()


def test_the_status_shows_what_runs(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert story.admin("status") == 0
    text = capsys.readouterr().out
    assert f"stable -> {story.first} (generation 1)" in text
    assert f"{story.first} serving: 1 ready" in text
    assert text.count("ready)") == 2, "both front ends"
    assert story.admin("status", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    (version,) = status["models"][0]["versions"]
    assert is_alive(version["workers"][0]["pid"])
    assert version["workers"][0]["resident_bytes"] > version["workers"][0]["own_bytes"] > 10_000_000


def test_a_version_that_is_not_loaded_is_told_from_those_that_are(story: Story) -> None:
    answer = httpx.post(f"{story.service.url}/encode?model=tiny@{story.second}", content=story.wav)
    assert answer.status_code == 404
    message = answer.json()["error"]["message"]
    assert f"{story.second} of tiny is not loaded; loaded: {story.first} (stable)" in message


def test_a_canary_takes_all_or_nothing_of_what_names_no_version(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    assert story.admin("canary", "tiny", "1", "--version", story.second) == 0
    assert "canary: canary gets 100.0%" in capsys.readouterr().out
    story.service.event("version serving", channel="canary", version=story.second)
    story.service.wait(lambda: story.version() == story.second, "the canary's version")
    assert story.version("tiny@stable") == story.first
    assert story.version("tiny@canary") == story.second
    assert story.admin("canary", "tiny", "0") == 0
    story.service.wait(lambda: story.version() == story.first, "the default version")
    assert story.version("tiny@canary") == story.second


def test_promote_and_rollback(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert story.admin("promote", "tiny", story.second, "--wait") == 0
    assert capsys.readouterr().out.endswith("it serves\n")
    story.service.wait(lambda: story.version() == story.second, "the promoted version")
    assert story.admin("rollback", "tiny", "--channel", "stable") == 0
    story.service.event("version serving", count=2, channel="stable", version=story.first)
    story.service.wait(lambda: story.version() == story.first, "the version before")
    with pytest.raises(InvalidRequestError, match="promote the version that you want"):
        story.admin("rollback", "tiny")


def test_check_looks_now(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert story.admin("check", "tiny") == 0
    assert "tiny\n  stable ->" in capsys.readouterr().out
    with pytest.raises(NotFoundError, match="nobody is not served; there is: tiny"):
        story.admin("check", "nobody")


def test_mistakes_are_told_before_anything_happens(story: Story) -> None:
    with pytest.raises(InvalidRequestError, match="'latest' is no version"):
        story.admin("promote", "tiny", "latest")
    with pytest.raises(InvalidRequestError, match="share from 0 to 1"):
        story.admin("canary", "tiny", "5")
    gone = parse("status", "--url", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NotFoundError, match="start codecd serve"):
        gone.run(gone)


def test_drain_ends_the_service(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert story.admin("drain") == 0
    assert "within 10 s" in capsys.readouterr().out
    assert story.service.exit_status() == 0
    assert [pid for pid in story.service.pids() if is_alive(pid)] == []
    story.service.wait(lambda: len(story.watched) >= 3, "what Watch said")
    assert story.watched[0] == story.first
    assert story.second in story.watched


def test_help_shows_examples_of_every_action(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("status", "promote", "rollback", "canary", "check", "drain"):
        with pytest.raises(SystemExit):
            parse(action, "--help")
        assert f"codecd admin {action}" in capsys.readouterr().out
