"""Shards by Ray Data, on this machine or a cluster (`pip install 'codecd[ray]'`)."""

import json
import logging
from collections.abc import Sequence

import ray
import ray.data
from ray.exceptions import RayError

from codec.bulk.items import Item
from codec.bulk.job import Task
from codec.bulk.maker import ShardMaker
from codec.bulk.shard import Shard, ShardRecord
from codec.bulk.worker import Done, Heard, Report
from codec.errors import CodecError


def run_ray(task: Task, shards: Sequence[Shard], processes: int, report: Report) -> None:
    """Make all shards in so many actors of one core each; `report` hears of finished shards.

    Runs on the cluster that `RAY_ADDRESS` names, else on this machine. Every node must see the corpus, the
    model repository and the output under the same paths. Ray replaces actors that die. Raises `CodecError`
    where shards cannot be written.
    """
    # The command tells how far it is by itself.
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    own = not ray.is_initialized()
    if own:
        ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
    try:
        rows = ray.data.from_items([_row(shard) for shard in shards], override_num_blocks=len(shards))
        actors = min(processes, len(shards))
        pool = ray.data.ActorPoolStrategy(size=actors)
        made = rows.map(_Actor, fn_constructor_args=(task,), compute=pool, num_cpus=1)
        for row in made.iter_rows():
            record = ShardRecord.model_validate_json(row["record"])
            report(Heard(record.n_samples, record.items + len(record.failures)))
            report(Done(record))
    except (RayError, OSError) as error:
        raise CodecError(f"Ray ended the job: {error}") from error
    finally:
        if own:
            ray.shutdown()


class _Actor:
    """Makes shards, one a call, with a model that is loaded once."""

    def __init__(self, task: Task) -> None:
        self._maker = ShardMaker(task)

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        record = self._maker.make(_shard(row["shard"]), _Nobody(), {})
        return {"record": record.model_dump_json()}


class _Nobody:
    """Ray tells of whole shards only."""

    def item_begins(self, index: int) -> None:
        """Nobody listens."""

    def samples_done(self, samples: int) -> None:
        """Nobody listens."""


def _row(shard: Shard) -> dict[str, str]:
    items = [[item.id, item.path] for item in shard.items]
    return {"shard": json.dumps([shard.number, shard.suffix, items])}


def _shard(text: str) -> Shard:
    number, suffix, items = json.loads(text)
    return Shard(number, suffix, tuple(Item(*item) for item in items))
