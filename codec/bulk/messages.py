"""What worker processes of a bulk job tell the one that started them."""

from collections.abc import Callable
from dataclasses import dataclass

from codec.bulk.shard import ShardRecord


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is in memory."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The item at this place of the shard is next."""

    item: int


@dataclass(frozen=True, slots=True)
class Heard:
    """So many more samples and items have been dealt with; fewer where a shard has to be made again."""

    samples: int
    items: int


@dataclass(frozen=True, slots=True)
class Done:
    """The shard is on the disk, and so is its record."""

    record: ShardRecord


@dataclass(frozen=True, slots=True)
class Fatal:
    """The job cannot go on."""

    reason: str


Report = Callable[[Heard | Done], object]
"""Hears how the job gets on."""
