"""A shard counts as done when its record and its file agree."""

from pathlib import Path

import pytest

from codec.bulk.items import Item
from codec.bulk.shard import RECORDS, Failure, Shard, ShardRecord, is_intact, sha256_of

SHARD = Shard(3, "tar", (Item("a", "/a.wav"), Item("b", "/b.wav")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / RECORDS).mkdir()
    (tmp_path / SHARD.file).write_bytes(b"tokens")
    SHARD.write_record(tmp_path, record_of(tmp_path))
    return tmp_path


def record_of(folder: Path) -> ShardRecord:
    return ShardRecord(
        file=SHARD.file,
        sha256=sha256_of(folder / SHARD.file),
        size_bytes=6,
        items=1,
        first="a",
        last="a",
        n_samples=9,
        truncated=("a",),
        failures=(Failure(id="b", path="/b.wav", error="no audio"),),
    )


def test_a_record_is_read_as_it_was_written(folder: Path) -> None:
    assert SHARD.record(folder) == record_of(folder)


def test_a_shard_without_a_sound_record_is_not_done(folder: Path) -> None:
    assert Shard(4, "tar", SHARD.items).record(folder) is None
    assert Shard(3, "parquet", SHARD.items).record(folder) is None
    assert Shard(3, "tar", SHARD.items[:1]).record(folder) is None
    record = folder / RECORDS / "000003.json"
    whole = record.read_bytes()
    record.write_bytes(whole[:-9])
    assert SHARD.record(folder) is None
    record.write_bytes(whole)
    (folder / SHARD.file).write_bytes(b"token")
    assert SHARD.record(folder) is None
    (folder / SHARD.file).unlink()
    assert SHARD.record(folder) is None


def test_a_changed_byte_is_found_by_the_digest(folder: Path) -> None:
    record = SHARD.record(folder)
    assert record is not None
    assert is_intact(folder, record)
    (folder / SHARD.file).write_bytes(b"tokenz")
    assert SHARD.record(folder) == record
    assert not is_intact(folder, record)
