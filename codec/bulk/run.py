"""A bulk job from its settings to its index: what is done is kept, the rest is made."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from codec.bulk.items import Item
from codec.bulk.job import Task, job_folder, shards_of
from codec.bulk.progress import Progress
from codec.bulk.shard import Shard, ShardRecord, is_intact
from codec.bulk.summary import Totals, write_summary
from codec.bulk.worker import Report
from codec.errors import InvalidRequestError

Engine = Literal["local", "ray"]
Run = Callable[[Task, Sequence[Shard], int, Report], None]


@dataclass(frozen=True, slots=True)
class How:
    """How a job is done, which changes nothing of what comes out.

    `verify`: read finished shards to be sure of them; `retry`: make those again of which items failed.
    """

    engine: Engine
    processes: int
    verify: bool = False
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`totals` of all shards; `kept`: how many were there before; `samples`: made now, in `seconds`."""

    totals: Totals
    kept: int
    samples: int
    seconds: float


def run_job(
    task: Task, items: Sequence[Item], sample_rate: int, how: How, note: Callable[[str], object]
) -> Outcome:
    """Do the job, or what is left of it; `note` hears what a person should know at the start.

    Raises `InvalidRequestError` for a folder that is not the job's, fewer than one process and a missing
    package, and `CodecError` where it cannot go on; what is done by then is kept.
    """
    if how.processes < 1:
        raise InvalidRequestError(f"{how.processes} processes cannot work; give 1 or more")
    run = _engine(how.engine)
    if task.settings.format == "parquet":
        _require("pyarrow", "bulk", "--format parquet")
    with job_folder(task.folder, task.settings):
        shards = shards_of(items, task.settings)
        left = [shard for shard in shards if not _is_done(shard, task, how)]
        if len(left) < len(shards):
            note(f"{len(shards) - len(left)} of {len(shards)} shards are there already")
        if 0 < len(left) < min(how.processes, len(items)):
            note(
                f"{len(left)} shards keep {len(left)} of {how.processes} processes busy; more, with a "
                "smaller --shard-items, would keep all"
            )
        with Progress(sum(len(shard.items) for shard in left), sample_rate) as progress:
            if left:
                run(task, left, how.processes, progress.report)
            samples, seconds = progress.samples, progress.seconds
        totals = write_summary(task.folder, task.settings, [_recorded(shard, task) for shard in shards])
    return Outcome(totals, len(shards) - len(left), samples, seconds)


def _is_done(shard: Shard, task: Task, how: How) -> bool:
    record = shard.record(task.folder)
    if record is None or (how.retry and record.failures):
        return False
    return not how.verify or is_intact(task.folder, record)


def _recorded(shard: Shard, task: Task) -> ShardRecord:
    record = shard.record(task.folder)
    if record is None:
        raise InvalidRequestError(
            f"{shard.file} or its record is not in {task.folder}: was it removed, or does a machine of the "
            "cluster write elsewhere? Give a folder that all of them share, and run the command again"
        )
    return record


def _engine(engine: Engine) -> Run:
    if engine == "ray":
        _require("ray", "ray", "--engine ray")
        from codec.bulk.ray_engine import run_ray

        return run_ray
    from codec.bulk.local import run_local

    return run_local


def _require(module: str, extra: str, what: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise InvalidRequestError(f"{what} needs {module}; install it with: pip install 'codecd[{extra}]'")
