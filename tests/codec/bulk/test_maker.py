"""A shard holds exactly what `codecd encode` makes of each file, and says what failed."""

import tarfile
from pathlib import Path
from urllib.parse import unquote

import pytest

from codec.bulk.items import Item, find_items
from codec.bulk.job import shards_of
from codec.bulk.maker import ShardMaker
from codec.bulk.shard import Shard, sha256_of
from codec.checkpoint import load_codec
from codec.files import EncodeOptions, encode_file
from codec.repository import VersionPath
from tests.codec.bulk.corpus import settings_of, task_of
from tests.codec.models import publish_seanet

pytestmark = pytest.mark.usefixtures("single_thread")


class Notes:
    """Keeps what a maker tells."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.samples = 0

    def item_begins(self, index: int) -> None:
        self.begun.append(index)

    def samples_done(self, samples: int) -> None:
        self.samples += samples


def test_a_shard_holds_the_files_of_codecd_encode(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    task = task_of(version, corpus, tmp_path / "out")
    maker, loaded, notes = ShardMaker(task), load_codec(version.path), Notes()
    shards = shards_of(find_items(corpus), task.settings)
    records = [maker.make(shard, notes, {}) for shard in shards]
    for shard, record in zip(shards, records, strict=True):
        assert shard.record(task.folder) == record
        assert record.sha256 == sha256_of(task.folder / shard.file)
        assert (record.first, record.last) == (shard.items[0].id, shard.items[-1].id)
        with tarfile.open(task.folder / shard.file) as archive:
            held = {unquote(m.name): archive.extractfile(m) for m in archive if m.name.endswith(".cdc")}
        assert list(held) == [f"{item.id}.cdc" for item in shard.items]
    for item in find_items(corpus):
        encode_file(loaded, Path(item.path), tmp_path / "one.cdc", EncodeOptions(2), lambda _: None)
        (shard,) = (shard for shard in shards if item in shard.items)
        with tarfile.open(task.folder / shard.file) as archive:
            (member,) = (m for m in archive if unquote(m.name) == f"{item.id}.cdc")
            content = archive.extractfile(member)
            assert content is not None
            assert content.read() == (tmp_path / "one.cdc").read_bytes()
    assert notes.begun == [0, 1, 2, 0, 1, 2, 0]
    assert notes.samples == sum(record.n_samples for record in records)


def test_what_cannot_be_read_fails_alone(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    task = task_of(version, corpus, tmp_path / "out")
    good = find_items(corpus)[0]
    (tmp_path / "broken.wav").write_bytes(b"RIFF and no more")
    broken, missing = Item("x", str(tmp_path / "broken.wav")), Item("y", str(tmp_path / "missing.wav"))
    deadly = Item("z", good.path)
    record = ShardMaker(task).make(
        Shard(0, "tar", (broken, good, missing, deadly)), Notes(), {"z": "it kills"}
    )
    assert (record.items, record.first, record.last) == (1, good.id, good.id)
    assert [(failure.id, failure.path) for failure in record.failures] == [
        ("x", broken.path),
        ("y", missing.path),
        ("z", good.path),
    ]
    assert "is no audio" in record.failures[0].error
    assert "No such file" in record.failures[1].error
    assert record.failures[2].error == "it kills"


def test_truncated_recordings_are_coded_and_named(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    task = task_of(version, corpus, tmp_path / "out")
    flac = next(item for item in find_items(corpus) if item.path.endswith(".flac"))
    (tmp_path / "cut.flac").write_bytes(Path(flac.path).read_bytes()[:-3000])
    record = ShardMaker(task).make(Shard(0, "tar", (Item("cut", str(tmp_path / "cut.flac")),)), Notes(), {})
    assert (record.items, record.truncated, record.failures) == (1, ("cut",), ())


def test_models_that_need_whole_items_are_coded_too(corpus: Path, tmp_path: Path) -> None:
    version = publish_seanet(tmp_path / "models", "soundstream_16k", "whole")
    task = task_of(version, corpus, tmp_path / "out")
    items = find_items(corpus)[:1]
    record = ShardMaker(task).make(Shard(0, "tar", items), Notes(), {})
    encode_file(
        load_codec(version.path), Path(items[0].path), tmp_path / "one.cdc", EncodeOptions(2), lambda _: None
    )
    with tarfile.open(task.folder / record.file) as archive:
        content = archive.extractfile(archive.getmembers()[0])
        assert content is not None
        assert content.read() == (tmp_path / "one.cdc").read_bytes()
    assert settings_of(version, corpus).token_space == version.manifest().token_space
