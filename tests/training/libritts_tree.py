"""A corpus of LibriTTS's layout: subset, speaker, chapter, transcripts beside audio."""

from collections.abc import Mapping
from pathlib import Path

import soundfile

from tests.support import voiced

RATE = 24_000


def write_subset(root: Path, subset: str, utterances: Mapping[str, int]) -> list[Path]:
    """So many short utterances of each `speaker/chapter`; returns their files, sorted by name."""
    written = []
    for chapter, count in utterances.items():
        folder = root / "LibriTTS" / subset / chapter
        folder.mkdir(parents=True)
        stem = chapter.replace("/", "_")
        (folder / f"{stem}.trans.tsv").write_text("no audio\n")
        for number in range(count):
            name = f"{stem}_{number:06}_000000"
            soundfile.write(folder / f"{name}.wav", voiced(0.3, seed=number, sample_rate_hz=RATE), RATE)
            (folder / f"{name}.original.txt").write_text("One, two.\n")
            (folder / f"{name}.normalized.txt").write_text("one two\n")
            written.append(folder / f"{name}.wav")
    return sorted(written, key=lambda path: path.name)
