"""One shard of a job: which items it holds, and the record that says that it is done."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codec.atomic import replacing
from codec.bulk.items import Item

RECORDS = "records"

_READ_BYTES = 2**20

Count = Annotated[int, Field(ge=0)]


class Failure(BaseModel):
    """An item that gave no tokens, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    path: str
    error: str


class ShardRecord(BaseModel):
    """What a finished shard holds: `items` of them from `first` to `last`, None where all failed.

    `n_samples`: per channel, at the model's rate, of all together; `truncated`: ids of recordings that ended
    too early, of which what is there was coded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Count
    items: Count
    first: str | None
    last: str | None
    n_samples: Count
    truncated: tuple[str, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Shard:
    """Items that become one file; `suffix`: its ending."""

    number: int
    suffix: str
    items: tuple[Item, ...]

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"shard-{self.number:06}.{self.suffix}"

    def record(self, folder: Path) -> ShardRecord | None:
        """The record of the finished shard in a job's folder; None if it has to be made, or made again.

        Checked is that the file has the recorded size; `is_intact` reads it.
        """
        try:
            record = ShardRecord.model_validate_json(self._record_path(folder).read_bytes())
            size_bytes = (folder / record.file).stat().st_size
        except (FileNotFoundError, ValidationError):
            return None
        whole = record.items + len(record.failures) == len(self.items)
        return record if whole and (record.file, record.size_bytes) == (self.file, size_bytes) else None

    def write_record(self, folder: Path, record: ShardRecord) -> None:
        """Say that the shard is done, once its file has its name."""
        with replacing(self._record_path(folder)) as draft:
            draft.write_text(record.model_dump_json() + "\n")

    def _record_path(self, folder: Path) -> Path:
        return folder / RECORDS / f"{self.number:06}.json"


@dataclass(frozen=True, slots=True)
class CodedItem:
    """An item as a `.cdc` file, the one that `codecd encode` makes, with the counts of it.

    `notes`: what was odd about the audio, as `AudioReader.notes`.
    """

    id: str
    cdc: bytes
    n_samples: int
    n_frames: int
    notes: tuple[str, ...]


class ShardWriter(Protocol):
    """Writes the items of one shard; the file is whole after `close`. Raises `OSError` for a full disk."""

    def add(self, item: CodedItem) -> None:
        """Append an item."""

    def close(self) -> None:
        """Write the end."""


def sha256_of(path: Path) -> str:
    """Digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_intact(folder: Path, record: ShardRecord) -> bool:
    """Whether the file of a shard is the one that was recorded, by its digest."""
    return sha256_of(folder / record.file) == record.sha256
