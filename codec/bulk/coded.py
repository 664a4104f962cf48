"""What one item became, and the interface of what shards are written with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codec.bulk.job import Settings
from codec.tokens import TokenFormat


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


class ShardWriterType(Protocol):
    """Opens a shard at a path."""

    def __call__(self, path: Path, settings: Settings, token_format: TokenFormat) -> ShardWriter: ...
