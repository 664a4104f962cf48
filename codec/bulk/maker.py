"""A worker's half of a bulk job: a model in memory that makes one shard after the other."""

import io
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol

import torch

from codec.atomic import replacing
from codec.audio import TRUNCATED
from codec.bulk.items import Item
from codec.bulk.job import Task
from codec.bulk.shard import CodedItem, Failure, Shard, ShardRecord, ShardWriter, sha256_of
from codec.bulk.webdataset import TarShard
from codec.checkpoint import load_codec
from codec.errors import CodecError
from codec.files import EncodeOptions, encode_into


class Listener(Protocol):
    """Told what happens while a shard is made."""

    def item_begins(self, index: int) -> object:
        """The item at `index` of the shard is next."""

    def samples_done(self, samples: int) -> object:
        """So many more samples have been read."""


class ShardMaker:
    """Makes the shards of a job, on one thread. Raises what `load_codec` raises."""

    def __init__(self, task: Task) -> None:
        # One thread gives the same codes whatever the machine; see `codec.model.MIN_ROWS`.
        torch.set_num_threads(1)
        self._task = task
        self._loaded = load_codec(task.version)
        self._options = EncodeOptions(task.settings.n_q, compress=task.settings.compress)

    def make(self, shard: Shard, listener: Listener, deadly: Mapping[str, str]) -> ShardRecord:
        """Make a shard and its record, in place of what is there; returns the record.

        Items that cannot be read are in the record, as are those of `deadly`, ids with the reason not to try
        them. Raises `OSError` where the shard cannot be written.
        """
        failures: list[Failure] = []
        coded: list[str] = []
        truncated: list[str] = []
        n_samples = 0
        with replacing(self._task.folder / shard.file) as draft:
            with closing(self._open(draft)) as writer:
                for index, item in enumerate(shard.items):
                    listener.item_begins(index)
                    made = self._encode(item, listener.samples_done, deadly)
                    if isinstance(made, Failure):
                        failures.append(made)
                        continue
                    writer.add(made)
                    coded.append(item.id)
                    n_samples += made.n_samples
                    truncated += [item.id] if TRUNCATED in made.notes else []
            digest, size_bytes = sha256_of(draft), draft.stat().st_size
        record = ShardRecord(
            file=shard.file,
            sha256=digest,
            size_bytes=size_bytes,
            items=len(coded),
            first=coded[0] if coded else None,
            last=coded[-1] if coded else None,
            n_samples=n_samples,
            truncated=tuple(truncated),
            failures=tuple(failures),
        )
        shard.write_record(self._task.folder, record)
        return record

    def _open(self, path: Path) -> ShardWriter:
        settings, token_format = self._task.settings, self._loaded.token_format
        if settings.format == "webdataset":
            return TarShard(path, settings, token_format)
        # Imported here: pyarrow is an extra.
        from codec.bulk.parquet import ParquetShard

        return ParquetShard(path, settings, token_format)

    def _encode(
        self, item: Item, progress: Callable[[int], object], deadly: Mapping[str, str]
    ) -> CodedItem | Failure:
        if item.id in deadly:
            return _failure(item, deadly[item.id])
        sink = io.BytesIO()
        try:
            made = encode_into(sink, self._loaded, Path(item.path), self._options, progress)
        except (CodecError, OSError) as error:
            return _failure(item, str(error))
        return CodedItem(item.id, sink.getvalue(), made.n_samples, made.n_frames, made.notes)


def _failure(item: Item, error: str) -> Failure:
    # Names of folders may be no text.
    return Failure(id=item.id, path=os.fsencode(item.path).decode(errors="backslashreplace"), error=error)
