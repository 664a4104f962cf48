"""Parquet shards: the codes of the `.cdc` files in columns, in about as many bytes."""

from pathlib import Path

import numpy as np
import pytest

from codec.bulk.items import Item, find_items
from codec.bulk.job import shards_of
from codec.bulk.maker import ShardMaker
from codec.bulk.shard import Shard
from codec.checkpoint import load_codec
from codec.container import read_cdc
from codec.files import EncodeOptions, encode_file
from codec.repository import VersionPath
from tests.codec.bulk.corpus import task_of
from tests.codec.bulk.test_maker import Notes
from tests.codec.models import publish_seanet

parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.usefixtures("single_thread")


def test_rows_hold_the_tokens_of_codecd_encode(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    task = task_of(version, corpus, tmp_path / "out", "parquet")
    shards, maker = shards_of(find_items(corpus), task.settings), ShardMaker(task)
    for shard in shards:
        maker.make(shard, Notes(), {})
    rows = [row for s in shards for row in parquet.read_table(task.folder / s.file).to_pylist()]
    loaded = load_codec(version.path)
    for row, item in zip(rows, find_items(corpus), strict=True):
        encode_file(loaded, Path(item.path), tmp_path / "one.cdc", EncodeOptions(2), lambda _: None)
        tokens = read_cdc(tmp_path / "one.cdc")
        assert np.array_equal(np.array(row["codes"], np.uint16), tokens.codes)
        assert (row["id"], row["n_samples"], row["n_frames"]) == (item.id, tokens.n_samples, tokens.n_frames)
        assert (row["n_q"], row["model"], row["version"]) == (2, "tiny", version.version)
        assert (row["token_space"], row["sample_rate"]) == (tokens.token_space, tokens.sample_rate)
        assert (row["hop_samples"], row["codebook_size"]) == (tokens.hop_samples, tokens.codebook_size)
        assert (row["scale"], row["segment_samples"], row["notes"]) == ([], None, [])


def test_the_same_items_give_the_same_bytes(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        task = task_of(version, corpus, tmp_path / name, "parquet")
        record = ShardMaker(task).make(shards_of(find_items(corpus), task.settings)[0], Notes(), {})
        found.append((task.folder / record.file).read_bytes())
    assert found[0] == found[1]


def test_levels_stand_beside_the_codes(corpus: Path, tmp_path: Path) -> None:
    version = publish_seanet(tmp_path / "models", "encodec_16k", "levelled")
    task = task_of(version, corpus, tmp_path / "out", "parquet")
    item = find_items(corpus)[0]
    record = ShardMaker(task).make(Shard(0, "parquet", (item,)), Notes(), {})
    (row,) = parquet.read_table(task.folder / record.file).to_pylist()
    encode_file(
        load_codec(version.path), Path(item.path), tmp_path / "one.cdc", EncodeOptions(2), lambda _: None
    )
    tokens = read_cdc(tmp_path / "one.cdc")
    assert tuple(row["scale"]) == tokens.side.scale
    assert len(row["scale"]) == 1


def test_a_shard_of_failures_has_no_rows(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    task = task_of(version, corpus, tmp_path / "out", "parquet")
    record = ShardMaker(task).make(Shard(0, "parquet", (Item("x", "/nowhere.wav"),)), Notes(), {})
    assert (record.items, record.first) == (0, None)
    assert parquet.read_table(task.folder / record.file).num_rows == 0
