"""A job from start to index: what is done is kept, what is lost, changed or failed is made again."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest

from codec.bulk import run as module
from codec.bulk.items import find_items
from codec.bulk.job import ShardFormat, Task
from codec.bulk.maker import ShardMaker
from codec.bulk.run import How, Outcome, Run, run_job
from codec.bulk.shard import Shard
from codec.bulk.worker import Done, Report
from codec.errors import InvalidRequestError
from codec.repository import VersionPath
from tests.codec.bulk.corpus import content, settings_of, write_corpus
from tests.codec.bulk.test_maker import Notes
from tests.support import REPOSITORY_ROOT

pytestmark = pytest.mark.usefixtures("single_thread")

LOCAL = How("local", 2)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make shards in this process: processes have their own tests, and take seconds to start."""

    def run(task: Task, shards: Sequence[Shard], processes: int, report: Report) -> None:
        maker = ShardMaker(task)
        for shard in shards:
            report(Done(maker.make(shard, Notes(), {})))

    def engine(name: str) -> Run:
        assert name == "local"
        return run

    monkeypatch.setattr(module, "_engine", engine)


@pytest.fixture
def task(version: VersionPath, corpus: Path, tmp_path: Path) -> Task:
    return Task(version.path, tmp_path / "out", settings_of(version, corpus))


def do(task: Task, corpus: Path, how: How = LOCAL, notes: list[str] | None = None) -> Outcome:
    heard: list[str] = [] if notes is None else notes
    return run_job(task, find_items(corpus), 16_000, how, heard.append)


def test_a_second_run_does_nothing(task: Task, corpus: Path) -> None:
    first = do(task, corpus)
    assert (first.kept, first.totals.shards, first.totals.items) == (0, 3, 7)
    assert first.samples == first.totals.n_samples > 0
    before, notes = content(task.folder), list[str]()
    second = do(task, corpus, notes=notes)
    assert (second.kept, second.samples, second.totals) == (3, 0, first.totals)
    assert notes == ["3 of 3 shards are there already"]
    assert content(task.folder) == before


def test_what_is_missing_or_damaged_is_made_again(task: Task, corpus: Path) -> None:
    do(task, corpus)
    before = content(task.folder)
    (task.folder / "shard-000000.tar").unlink()
    (task.folder / "records" / "000001.json").write_text("{")
    changed = bytearray(before["shard-000002.tar"])
    changed[1000] ^= 1
    (task.folder / "shard-000002.tar").write_bytes(changed)
    assert do(task, corpus).kept == 1
    assert {n for n, c in content(task.folder).items() if c != before[n]} == {"shard-000002.tar"}
    assert do(task, corpus, How("local", 2, verify=True)).kept == 2
    assert content(task.folder) == before


def test_failures_are_tried_again_when_asked(version: VersionPath, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", files=4)
    clip = corpus / "part1" / "clip.01.flac"
    good = clip.read_bytes()
    clip.write_bytes(b"no audio")
    task = Task(version.path, tmp_path / "out", settings_of(version, corpus))
    assert do(task, corpus).totals.failures == 1
    assert "part1/clip.01" in (task.folder / "failures.jsonl").read_text()
    clip.write_bytes(good)
    assert do(task, corpus).totals.failures == 1
    again = do(task, corpus, How("local", 2, retry=True))
    assert (again.kept, again.totals.failures, again.totals.items) == (1, 0, 4)
    assert (task.folder / "failures.jsonl").read_text() == ""


def test_too_few_shards_are_told(task: Task, corpus: Path) -> None:
    notes = list[str]()
    do(task, corpus, How("local", 5), notes)
    assert "3 shards keep 3 of 5 processes busy" in notes[0]


def test_no_processes_and_missing_packages_are_refused(
    task: Task, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRequestError, match="0 processes cannot work"):
        do(task, corpus, How("local", 0))
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidRequestError, match=r"--engine ray needs ray; .*pip install 'codecd\[ray\]'"):
        do(task, corpus, How("ray", 1))
    assert not task.folder.exists()


def examples_of_the_page() -> list[str]:
    page = (REPOSITORY_ROOT / "docs" / "tokenize.md").read_text()
    return [block.partition("```")[0] for block in page.split("```python\n")[1:]]


@pytest.mark.parametrize(("form", "number"), [("webdataset", 0), ("parquet", 1)])
def test_the_readers_of_the_page_work(
    form: ShardFormat,
    number: int,
    version: VersionPath,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / {"webdataset": "tokens", "parquet": "tables"}[form]
    do(Task(version.path, folder, settings_of(version, corpus, form=form)), corpus)
    monkeypatch.chdir(tmp_path)
    exec(examples_of_the_page()[number], {})
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == [item.id for item in find_items(corpus)[:3]]
    assert all("(2, " in line for line in told)
