"""Which recordings there are: below a folder, in a CSV or JSONL manifest, a Kaldi `wav.scp`, LibriTTS."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codec.audio import AUDIO_SUFFIXES
from codec.audio_list import read_audio_list
from codec.errors import ConfigError, InvalidAudioError
from training.libritts import LibriTts


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
    if corpus := LibriTts.parse(source):
        found = [Recording(path, labels, corpus.folder) for path in corpus.files()]
    elif source.is_file():
        found = [
            Recording(listed.path, listed.labels or labels, source.parent)
            for listed in read_audio_list(source)
        ]
    else:
        paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        found = [Recording(path, labels, source) for path in paths]
    if not found:
        raise InvalidAudioError(
            f"no audio below {source}; data.train must be a folder with audio files, or a list of such files"
        )
    return found
