"""What a finished job says about itself: an index of its shards, and the list of its failures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codec.atomic import replacing
from codec.bulk.job import Settings
from codec.bulk.shard import ShardRecord

INDEX_FILE = "index.json"
FAILURES_FILE = "failures.jsonl"


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all shards of a job; `n_samples` per channel."""

    shards: int
    items: int
    failures: int
    truncated: int
    n_samples: int


def write_summary(folder: Path, settings: Settings, records: Sequence[ShardRecord]) -> Totals:
    """Write the index and the list of failures of all shards, which are the same however they came about."""
    totals = Totals(
        len(records),
        sum(record.items for record in records),
        sum(len(record.failures) for record in records),
        sum(len(record.truncated) for record in records),
        sum(record.n_samples for record in records),
    )
    failures = [
        {**failure.model_dump(), "shard": record.file} for record in records for failure in record.failures
    ]
    with replacing(folder / FAILURES_FILE) as draft:
        draft.write_text("".join(json.dumps(failure, ensure_ascii=False) + "\n" for failure in failures))
    index = {
        **settings.model_dump(exclude={"items"}),
        "items": totals.items,
        "failures": totals.failures,
        "truncated": totals.truncated,
        "n_samples": totals.n_samples,
        "shards": [record.model_dump(exclude={"failures", "truncated"}) for record in records],
    }
    with replacing(folder / INDEX_FILE) as draft:
        draft.write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n")
    return totals
