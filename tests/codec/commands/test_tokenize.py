"""`codecd tokenize` as a real command, killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codec.bulk.items import find_items
from codec.bulk.job import Settings, Task, job_folder, shards_of
from codec.bulk.maker import ShardMaker
from codec.bulk.summary import write_summary
from codec.cli import main
from codec.repository import Repository
from tests.codec.bulk.corpus import content, write_corpus
from tests.codec.bulk.test_maker import Notes
from tests.codec.models import publish_tiny
from tests.support import REPOSITORY_ROOT

pytestmark = [pytest.mark.usefixtures("single_thread"), pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    publish_tiny(folder, "stream_16k")
    return folder


def start(root: Path, corpus: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    arguments = ["tokenize", str(corpus), "--out", str(out), "--repository", str(root), "--n-q", "2"]
    command = [sys.executable, "-m", "codec.cli", *arguments, "--shard-items", "2", "--processes", "2"]
    return subprocess.Popen(
        [*command, *options], cwd=REPOSITORY_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_shards(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while len(list(out.glob("records/*.json"))) < count:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_job_that_was_killed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    corpus, out = write_corpus(tmp_path / "corpus", files=20), tmp_path / "out"
    (corpus / "broken.wav").write_bytes(b"RIFF and no more")
    with start(root, corpus, out) as process:
        wait_for_shards(out, 2, process)
        os.kill(process.pid, signal.SIGKILL)
    assert not (out / "index.json").exists()
    with start(root, corpus, out) as process:
        told, complaint = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "of 11 shards are there already" in complaint
    assert f"codecd: 1 of 21 files failed: {out / 'failures.jsonl'}" in complaint
    assert "20 files, " in told
    assert "hours/hour" in told
    assert json.loads((out / "failures.jsonl").read_text())["id"] == "broken"
    assert content(out) == undisturbed(root, corpus, out, tmp_path / "whole")


def undisturbed(root: Path, corpus: Path, out: Path, whole: Path) -> dict[str, bytes]:
    """What the job gives in one process that nobody kills, with the settings of `out`."""
    settings = Settings.model_validate_json((out / "job.json").read_text())
    items = find_items(corpus)
    with job_folder(whole, settings):
        maker = ShardMaker(Task(Repository(root).resolve(settings.model).path, whole, settings))
        records = [maker.make(shard, Notes(), {}) for shard in shards_of(items, settings)]
        write_summary(whole, settings, records)
    return content(whole)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--n-q", "7"), "n_q is 7; this model has codebooks 1..6"),
        (("--bitrate", "700"), "no bitrate of 700 bit/s"),
        (("--compress",), "stream_16k has no entropy tables; make them with codecd tables"),
        (("--processes", "0"), "0 processes cannot work"),
        (("--shard-items", "0"), "a shard of 0 items"),
        (("--model", "nobody"), "there is no model 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], complaint: str
) -> None:
    corpus, out = write_corpus(tmp_path / "corpus", files=1), tmp_path / "out"
    arguments = ["tokenize", str(corpus), "--out", str(out), "--repository", str(root), *options]
    assert main(arguments) == 1
    assert complaint in capsys.readouterr().err
    assert not out.exists()
