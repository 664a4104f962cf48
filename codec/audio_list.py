"""Lists of recordings: CSV and JSONL manifests, and Kaldi's `wav.scp`."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codec.audio import AUDIO_SUFFIXES
from codec.errors import ConfigError

PATH_COLUMNS = ("path", "file")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A recording of a list; `id`, `labels`: where the list has them."""

    path: Path
    id: str | None = None
    labels: Path | None = None


def is_audio_list(path: Path) -> bool:
    """Whether a name is that of a list."""
    return path.suffix in _READERS


def read_audio_list(path: Path) -> Iterator[ListedFile]:
    """The recordings of a list, in its order.

    `.csv` and `.jsonl` need a column `path` or `file` and may have `id` and `labels`; `.scp` has lines of
    `id path`. Paths are relative to the list's folder. Raises `ConfigError` for another ending and for a list
    that does not parse, and `OSError` if it cannot be read.
    """
    if not is_audio_list(path):
        raise ConfigError(f"{path} is no folder, no .csv, .jsonl or .scp; name one of these")
    try:
        yield from _READERS[path.suffix](path)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text: {error}; write it as UTF-8") from error


def _of_csv(manifest: Path) -> Iterator[ListedFile]:
    with manifest.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            yield _of_row(dict(row), manifest, number)


def _of_jsonl(manifest: Path) -> Iterator[ListedFile]:
    for number, line in _lines(manifest):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(
                f"{manifest}, line {number}: no JSON: {error}; write an object a line"
            ) from error
        yield _of_row(row if isinstance(row, dict) else {}, manifest, number)


def _of_row(row: dict[str, object], manifest: Path, number: int) -> ListedFile:
    path = next((row[name] for name in PATH_COLUMNS if row.get(name)), None)
    if not isinstance(path, str):
        raise ConfigError(f"{manifest}, line {number}: no {' or '.join(PATH_COLUMNS)}; add it")
    own, labels = row.get("id"), row.get("labels")
    return ListedFile(
        manifest.parent / path,
        None if own in (None, "") else str(own),
        manifest.parent / str(labels) if labels else None,
    )


def _of_scp(scp: Path) -> Iterator[ListedFile]:
    for number, line in _lines(scp):
        fields = line.split(maxsplit=1)
        place = f"{scp}, line {number}"
        if len(fields) != 2:
            raise ConfigError(f"{place}: not `name path`; write one recording a line")
        path = fields[1].strip()
        if path.endswith("|") or path.startswith("|"):
            raise ConfigError(
                f"{place}: a pipe, {path!r}: commands are not run; write their output to files and name those"
            )
        if Path(path).suffix.lower() not in AUDIO_SUFFIXES:
            raise ConfigError(
                f"{place}: {path!r} is no audio file (Kaldi archives are not read); name files ending in "
                f"{', '.join(sorted(AUDIO_SUFFIXES))}"
            )
        yield ListedFile(scp.parent / path, fields[0])


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold something, numbered from 1."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


_READERS = {".csv": _of_csv, ".jsonl": _of_jsonl, ".scp": _of_scp}
