"""What a bulk job does, kept in its output folder so that every restart does the same."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codec.atomic import replacing, sync_directory
from codec.bulk.items import Item, digest_of
from codec.bulk.shard import RECORDS, Shard
from codec.errors import InvalidRequestError
from codec.manifest import Manifest

JOB_FILE = "job.json"
_LOCK_FILE = ".lock"
_MAX_JOB_BYTES = 65_536

ShardFormat = Literal["webdataset", "parquet"]
Positive = Annotated[int, Field(gt=0)]


class Settings(BaseModel):
    """What decides over the bytes that come out.

    The version's digest covers its weights; `items_sha256`: of the ids; `shard_items`: items of a shard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Literal[1] = 1
    model: str
    version: str
    token_space: str
    n_q: Positive
    format: ShardFormat
    compress: bool
    shard_items: Positive
    items: Positive
    items_sha256: str


@dataclass(frozen=True, slots=True)
class Task:
    """What all shards of a job share: the folder of the version, its digests checked, and the output."""

    version: Path
    folder: Path
    settings: Settings


def settings_for(
    manifest: Manifest, items: Sequence[Item], n_q: int, form: ShardFormat, compress: bool, shard_items: int
) -> Settings:
    """The settings of a job over `items` by a version.

    Raises `InvalidRequestError` for shards of no items, and compression of what has its own.
    """
    if shard_items < 1:
        raise InvalidRequestError(f"a shard of {shard_items} items makes no sense; give 1 or more")
    if compress and form == "parquet":
        raise InvalidRequestError("--compress is for .cdc files; Parquet packs codes by itself, leave it out")
    return Settings(
        model=manifest.name,
        version=manifest.version,
        token_space=manifest.token_space,
        n_q=n_q,
        format=form,
        compress=compress,
        shard_items=shard_items,
        items=len(items),
        items_sha256=digest_of(items),
    )


def shards_of(items: Sequence[Item], settings: Settings) -> list[Shard]:
    """The shards: the items in order, `shard_items` at a time."""
    starts = range(0, len(items), settings.shard_items)
    suffix = {"webdataset": "tar", "parquet": "parquet"}[settings.format]
    return [
        Shard(number, suffix, tuple(items[start : start + settings.shard_items]))
        for number, start in zip(count(), starts, strict=False)
    ]


@contextmanager
def job_folder(folder: Path, settings: Settings) -> Iterator[None]:
    """Make `folder` the job's, or go on with the same job in it; nobody else may write there meanwhile.

    What killed processes left half-written is removed. Raises `InvalidRequestError` for a folder that holds
    another job or other files, or in which a job runs.
    """
    (folder / RECORDS).mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidRequestError(f"another job writes to {folder}; wait for its end") from None
        _claim(folder, settings)
        for place in (folder, folder / RECORDS):
            for draft in place.glob(".*.part"):
                draft.unlink()
        yield


def _claim(folder: Path, settings: Settings) -> None:
    path = folder / JOB_FILE
    if path.exists():
        _refuse_other(path, settings)
        return
    known = {_LOCK_FILE, RECORDS}
    strangers = sorted(entry.name for entry in folder.iterdir() if entry.name not in known)
    strangers = [name for name in strangers if not name.endswith(".part")]
    if strangers:
        raise InvalidRequestError(
            f"{folder} holds other files ({', '.join(strangers[:3])}); name a new or an empty folder"
        )
    with replacing(path) as draft:
        draft.write_text(settings.model_dump_json(indent=2) + "\n")
    sync_directory(folder.parent)


def _refuse_other(path: Path, settings: Settings) -> None:
    try:
        with path.open("rb") as file:
            before = Settings.model_validate_json(file.read(_MAX_JOB_BYTES))
    except ValidationError as error:
        raise InvalidRequestError(f"{path} is damaged; name another folder: {error}") from error
    old, new = before.model_dump(), settings.model_dump()
    changes = [f"{name} was {old[name]}, now {new[name]}" for name in old if old[name] != new[name]]
    if changes:
        raise InvalidRequestError(
            f"{path.parent} holds another job: {'; '.join(changes)}. Use the same model, settings and corpus "
            "again, or name another folder"
        )
