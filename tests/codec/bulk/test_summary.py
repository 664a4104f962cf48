"""The index and the failures of a job are those of its records, in the order of the shards."""

import json
from pathlib import Path

from codec.bulk.shard import Failure, ShardRecord
from codec.bulk.summary import FAILURES_FILE, INDEX_FILE, Totals, write_summary
from codec.repository import VersionPath
from tests.codec.bulk.corpus import settings_of


def test_records_add_up(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    settings = settings_of(version, corpus)
    broken = Failure(id="ä", path="/ä.wav", error="no audio")
    records = [
        ShardRecord(
            file=f"shard-{number:06}.tar",
            sha256=f"{number:064}",
            size_bytes=10,
            items=3,
            first="a",
            last="c",
            n_samples=100 * number,
            truncated=("b",) if number else (),
            failures=(broken,) * number,
        )
        for number in range(3)
    ]
    totals = write_summary(tmp_path, settings, records)
    assert totals == Totals(shards=3, items=9, failures=3, truncated=2, n_samples=300)
    index = json.loads((tmp_path / INDEX_FILE).read_text())
    assert (index["items"], index["failures"], index["n_q"]) == (9, 3, 2)
    assert [shard["file"] for shard in index["shards"]] == [record.file for record in records]
    lines = (tmp_path / FAILURES_FILE).read_text().splitlines()
    assert [json.loads(line)["shard"] for line in lines] == ["shard-000001.tar", *["shard-000002.tar"] * 2]
    assert json.loads(lines[0])["id"] == "ä"
