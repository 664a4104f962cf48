"""Which recordings there are: below a folder, in a CSV or JSONL manifest, a Kaldi `wav.scp`, LibriTTS."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codec.audio import AUDIO_SUFFIXES
from codec.errors import ConfigError, InvalidAudioError
from training.libritts import LibriTts

PATH_COLUMNS = ("path", "file")


@dataclass(frozen=True, slots=True)
class Recording:
    """A file; `labels`: its label file or the folder of them, where the source names one.

    `root`: what the folder of labels mirrors.
    """

    path: Path
    labels: Path | None
    root: Path


def find_recordings(sources: Sequence[Path], labels: Path | None = None) -> list[Recording]:
    """All recordings of the sources, sorted within a folder, in the order of a list.

    `labels`: the folder of label files for recordings whose source does not name theirs. Raises
    `InvalidAudioError` for a source without audio and `ConfigError` for a list that does not parse.
    """
    found = [recording for source in sources for recording in _of_source(source, labels)]
    repeated = len(found) - len({recording.path for recording in found})
    if repeated:
        raise ConfigError(f"{repeated} recordings are named twice; name each source once")
    return found


def _of_source(source: Path, labels: Path | None) -> list[Recording]:
    readers = {".csv": _of_csv, ".jsonl": _of_jsonl, ".scp": _of_scp}
    if corpus := LibriTts.parse(source):
        found = [Recording(path, labels, corpus.folder) for path in corpus.files()]
    elif source.is_file():
        if source.suffix not in readers:
            raise ConfigError(f"{source} is no folder, no .csv, .jsonl or .scp; name one of these")
        try:
            found = [
                Recording(path, own or labels, source.parent) for path, own in readers[source.suffix](source)
            ]
        except UnicodeDecodeError as error:
            raise ConfigError(f"{source} is no text: {error}; write it as UTF-8") from error
    else:
        paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        found = [Recording(path, labels, source) for path in paths]
    if not found:
        raise InvalidAudioError(
            f"no audio below {source}; data.train must be a folder with audio files, or a list of such files"
        )
    return found


def _of_csv(manifest: Path) -> Iterator[tuple[Path, Path | None]]:
    with manifest.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            yield _of_row(dict(row), manifest, number)


def _of_jsonl(manifest: Path) -> Iterator[tuple[Path, Path | None]]:
    for number, line in _lines(manifest):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(
                f"{manifest}, line {number}: no JSON: {error}; write an object a line"
            ) from error
        yield _of_row(row if isinstance(row, dict) else {}, manifest, number)


def _of_row(row: dict[str, object], manifest: Path, number: int) -> tuple[Path, Path | None]:
    path = next((row[name] for name in PATH_COLUMNS if row.get(name)), None)
    if not isinstance(path, str):
        raise ConfigError(f"{manifest}, line {number}: no {' or '.join(PATH_COLUMNS)}; add it")
    labels = row.get("labels")
    return manifest.parent / path, manifest.parent / str(labels) if labels else None


def _of_scp(scp: Path) -> Iterator[tuple[Path, Path | None]]:
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
        yield scp.parent / path, None


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that hold something, numbered from 1."""
    numbered = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return [(number, line) for number, line in numbered if line.strip()]
