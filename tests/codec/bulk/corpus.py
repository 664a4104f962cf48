"""A small corpus of real speech, a small model, and jobs over them."""

from pathlib import Path

import soundfile

from codec.bulk.items import find_items
from codec.bulk.job import Settings, ShardFormat, Task, settings_for
from codec.repository import VersionPath
from tests.support import SAMPLE_RATE_HZ, speech


def write_corpus(folder: Path, files: int = 7) -> Path:
    """Pieces of speech in a folder with sub-folders, at two rates and in two formats; returns the folder."""
    samples, rate = soundfile.read(speech(1)[0], dtype="float32")
    assert rate == SAMPLE_RATE_HZ
    for number in range(files):
        path = folder / f"part{number % 3}" / f"clip.{number:02}.{'flac' if number % 2 else 'wav'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = 1500 * number
        soundfile.write(path, samples[start : start + 12_000 + 100 * number], 8000 if number == 3 else rate)
    return folder


def settings_of(
    version: VersionPath,
    corpus: Path,
    shard_items: int = 3,
    form: ShardFormat = "webdataset",
    compress: bool = False,
) -> Settings:
    """Settings of a job over a corpus, with two codebooks."""
    return settings_for(version.manifest(), find_items(corpus), 2, form, compress, shard_items)


def task_of(version: VersionPath, corpus: Path, folder: Path, form: ShardFormat = "webdataset") -> Task:
    """A job whose output folder is there."""
    (folder / "records").mkdir(parents=True)
    return Task(version.path, folder, settings_of(version, corpus, form=form))


def content(folder: Path) -> dict[str, bytes]:
    """All files of an output folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
