"""Which recordings to evaluate on: a folder, or a CSV manifest with a choice of its rows."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codec.audio import AUDIO_SUFFIXES
from codec.audio_list import PATH_COLUMNS
from codec.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording: its path, and its name in the report, which tells nothing of the machine."""

    path: Path
    name: str


def find_clips(data: Path, select: Sequence[str] = (), every: int = 1) -> list[Clip]:
    """Audio files below a folder, or those of a manifest, whose paths start from where the manifest lies.

    `select`: `column=value`, all of which a row has to have; `every`: only every n-th of what is left. Raises
    `InvalidRequestError` for a missing file or column, a choice of rows of a folder, and if nothing is left.
    """
    if not data.exists():
        raise InvalidRequestError(f"{data} does not exist; give a folder with audio, or a CSV manifest")
    if every < 1:
        raise InvalidRequestError(f"every {every}-th clip makes no sense; give 1 or more")
    if data.is_dir():
        if select:
            raise InvalidRequestError(f"rows can only be selected of a CSV manifest, and {data} is a folder")
        found = sorted(p for p in data.rglob("*") if p.is_file() and p.suffix.lower() in AUDIO_SUFFIXES)
        clips = [Clip(path, str(path.relative_to(data))) for path in found]
    else:
        clips = _of_manifest(data, [_parsed(choice) for choice in select])
    if not clips:
        raise InvalidRequestError(f"{data} has no clip to evaluate on; check the folder, or what is selected")
    return clips[::every]


def _parsed(choice: str) -> tuple[str, str]:
    column, equals, value = choice.partition("=")
    if not equals:
        raise InvalidRequestError(f"{choice!r} is not column=value, as in kind=clean")
    return column, value


def _of_manifest(manifest: Path, choices: list[tuple[str, str]]) -> list[Clip]:
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or ()
        path_column = next((name for name in PATH_COLUMNS if name in columns), None)
        if path_column is None:
            raise InvalidRequestError(f"{manifest} has no column {' or '.join(PATH_COLUMNS)}; add one")
        for column, _ in choices:
            if column not in columns:
                raise InvalidRequestError(
                    f"{manifest} has no column {column!r}; there are {', '.join(columns)}"
                )
        rows = [row for row in reader if all(row[column] == value for column, value in choices)]
    return [Clip(manifest.parent / row[path_column], row[path_column]) for row in rows]
