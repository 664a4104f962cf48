"""The items of a corpus: ids and files, sorted, none twice."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from codec.audio import AUDIO_SUFFIXES
from codec.audio_list import is_audio_list, read_audio_list
from codec.errors import InvalidRequestError

MAX_ID_BYTES = 512

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """A recording: `id`, its name in the tokens, and the file as it is named on this machine."""

    id: str
    path: str


def find_items(source: Path) -> tuple[Item, ...]:
    """The recordings below a folder, or of a CSV, JSONL or `wav.scp` list, sorted by id.

    The id is the list's own, else the file's path without its ending: from the folder on, or as the list has
    it, which must not lead out of the list's folder. Raises `InvalidRequestError` for a source without
    recordings, ids that are no names and ids that come twice, `ConfigError` for a list that does not parse.
    """
    if not source.exists():
        raise InvalidRequestError(f"{source} does not exist; give a folder or a list that does")
    items = sorted(_of_list(source) if source.is_file() or is_audio_list(source) else _of_folder(source))
    if not items:
        raise InvalidRequestError(f"{source} names no recording; give a folder or a list of audio files")
    _refuse_twins(items)
    return tuple(items)


def digest_of(items: Sequence[Item]) -> str:
    """SHA-256 over the ids, in order: which corpus it is, wherever its files lie."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(item.id.encode() + b"\n")
    return digest.hexdigest()


def _of_folder(folder: Path) -> Iterable[Item]:
    for path in folder.rglob("*"):
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file():
            yield Item(_checked(_stem(path.relative_to(folder)), path), str(path))


def _of_list(source: Path) -> Iterable[Item]:
    for listed in read_audio_list(source):
        own = listed.id
        if own is None:
            if not listed.path.is_relative_to(source.parent):
                raise InvalidRequestError(
                    f"{source}: {listed.path} has no id and lies elsewhere; add a column id to the list"
                )
            own = _stem(listed.path.relative_to(source.parent))
        yield Item(_checked(own, listed.path), str(listed.path))


def _stem(path: Path) -> str:
    return path.with_suffix("").as_posix()


def _checked(name: str, path: Path) -> str:
    """The id, if it can be the name of a member of an archive everywhere."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    components = name.split("/")
    if not 0 < size <= MAX_ID_BYTES or _CONTROL.search(name) or {"", ".", ".."} & set(components):
        raise InvalidRequestError(
            f"{path}: {name!r} is no id; use UTF-8 of up to {MAX_ID_BYTES} bytes without control characters "
            "and without parts that are empty, . or .."
        )
    return name


def _refuse_twins(items: Sequence[Item]) -> None:
    # Sorted, so that twins are neighbours.
    twins = [(one, other) for one, other in pairwise(items) if one.id == other.id]
    if twins:
        one, other = twins[0]
        more = f" (and {len(twins) - 1} more)" if len(twins) > 1 else ""
        raise InvalidRequestError(
            f"{one.path} and {other.path} would both be {one.id!r}{more}; rename one, or give a list with ids"
        )
