"""Labels of a semantic stream from files: aligned phonemes as intervals, or one label for every hop.

`.lab`   an interval a line: `start end label`. In a file where a number has a point, times are in seconds;
         else they are samples at the rate of the model. A hop has the label of its middle.
`.txt`   a label for every hop, separated by white space.
`.npy`   the same as an array of integers, one axis.

In text a label is an integer or, with a vocabulary, a name. A vocabulary has a name a line, numbered from 0;
or `name number` lines, where names may share a number (stressed and unstressed vowels, say).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from codec.array_file import read_integers
from codec.audio import Samples
from codec.errors import InvalidRequestError, InvalidTokensError
from codec.seanet_config import SeanetCodecConfig, SemanticConfig
from codec.side import Labels

LABEL_SUFFIXES = (".lab", ".txt", ".npy")

MISSING_AT_END = 2
"""Labels that a file may lack: tools that count whole windows only end that early. The last one goes on."""

_TIME = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_NUMBER = re.compile(r"[0-9]{1,9}")


class LabelSource(Protocol):
    """Where the labels of a recording come from."""

    def labels(self, recording: Path, samples: Samples) -> Labels:
        """One label for every label hop of the samples `[channel, sample]`, which are at the model's rate."""


class LabelFiles:
    """Label files beside recordings: one file for one recording, or a directory that mirrors another.

    `labels`: a label file, or a directory where `a/b.lab` (or `.txt`, `.npy`) belongs to `a/b.wav`;
    `recordings`: the recording, or the directory of them. Raises `InvalidRequestError` for a model without
    semantic stream, and where one is a directory and the other should be.
    """

    def __init__(
        self, labels: Path, recordings: Path, config: SeanetCodecConfig, vocabulary: Path | None = None
    ) -> None:
        self._semantic = semantic_of(config)
        self._sample_rate = config.sample_rate
        if not labels.exists():
            raise InvalidRequestError(f"{labels} does not exist; name a label file or a directory of them")
        if recordings.is_dir() and not labels.is_dir():
            raise InvalidRequestError(f"{labels} is one file for a directory of recordings; name a directory")
        self._labels, self._recordings = labels, recordings
        self._vocabulary = None if vocabulary is None else read_vocabulary(vocabulary)

    def labels(self, recording: Path, samples: Samples) -> Labels:
        """See `LabelSource`; raises what `read_labels` raises, and `InvalidRequestError` without a file."""
        path, n_samples = self._file_of(recording), samples.shape[1]
        return read_labels(path, self._semantic, n_samples, self._sample_rate, self._vocabulary)

    def _file_of(self, recording: Path) -> Path:
        if not self._labels.is_dir():
            return self._labels
        name = Path(recording.name)
        if self._recordings.is_dir():
            name = recording.relative_to(self._recordings)
        found = [path for s in LABEL_SUFFIXES if (path := self._labels / name.with_suffix(s)).is_file()]
        if len(found) != 1:
            wanted = f"{self._labels / name.with_suffix('')} ending in {', '.join(LABEL_SUFFIXES)}"
            raise InvalidRequestError(f"{len(found)} files are {wanted}; there must be one")
        return found[0]


def semantic_of(config: SeanetCodecConfig) -> SemanticConfig:
    """The semantic stream of a model. Raises `InvalidRequestError` if it has none."""
    if config.semantic is None:
        raise InvalidRequestError("the model has no semantic stream; leave its labels out, or name another")
    return config.semantic


def read_vocabulary(path: Path) -> dict[str, int]:
    """Names and their labels. Raises `InvalidRequestError`, naming the line, for anything else."""
    lines = [(number, line.split()) for number, line in _lines(path) if line.split()]
    if not lines:
        raise InvalidRequestError(f"{path} names nothing; write a name a line")
    vocabulary: dict[str, int] = {}
    for number, fields in lines:
        place = f"{path}, line {number}"
        if len(fields) != len(lines[0][1]) or len(fields) > 2:
            raise InvalidRequestError(
                f"{place}: every line must hold a name, or every line a name and a number"
            )
        if len(fields) == 2 and not _NUMBER.fullmatch(fields[1]):
            raise InvalidRequestError(f"{place}: {fields[1]!r} is no label; write an integer from 0 on")
        if fields[0] in vocabulary:
            raise InvalidRequestError(f"{place}: {fields[0]!r} stands there a second time; remove one")
        vocabulary[fields[0]] = int(fields[1]) if len(fields) == 2 else len(vocabulary)
    return vocabulary


def read_labels(
    path: Path,
    semantic: SemanticConfig,
    n_samples: int,
    sample_rate: int,
    vocabulary: Mapping[str, int] | None = None,
) -> Labels:
    """Labels uint16 `[label]` of `n_samples` at `sample_rate`: one for every hop, the last one included.

    Raises `InvalidRequestError`, naming the line, for a file that does not hold them: too short or too long
    for the audio, intervals that overlap or leave more than a hop out, labels that the model does not have.
    """
    need = -(-n_samples // semantic.hop_samples)
    if path.suffix == ".npy":
        labels = _read_array(path, semantic)
    elif path.suffix == ".lab":
        intervals = _read_intervals(path, _Names(semantic, vocabulary), sample_rate, semantic.hop_samples)
        labels = _labels_of(intervals, path, n_samples, semantic.hop_samples)
    elif path.suffix == ".txt":
        names = _Names(semantic, vocabulary)
        words = [(number, word) for number, line in _lines(path) for word in line.split()]
        labels = np.array([names.label(word, f"{path}, line {number}") for number, word in words], np.uint16)
    else:
        raise InvalidRequestError(f"{path} must end in {', '.join(LABEL_SUFFIXES)}, which names its format")
    if not need - MISSING_AT_END <= len(labels) <= need + 1 or len(labels) == 0:
        raise InvalidRequestError(
            f"{path} has {len(labels)} labels; the audio needs {need}, one for every {semantic.hop_samples} "
            f"samples at {sample_rate} Hz: give the labels of this recording, at this rate"
        )
    return np.pad(labels, (0, max(0, need - len(labels))), mode="edge")[:need]


@dataclass(frozen=True, slots=True)
class _Names:
    """What a label may be called in text."""

    semantic: SemanticConfig
    vocabulary: Mapping[str, int] | None

    def label(self, word: str, place: str) -> int:
        if self.vocabulary is not None:
            if word not in self.vocabulary:
                raise InvalidRequestError(f"{place}: {word!r} is not in the vocabulary; add or correct it")
            label = self.vocabulary[word]
        elif _NUMBER.fullmatch(word):
            label = int(word)
        else:
            raise InvalidRequestError(
                f"{place}: {word!r} is no integer from 0 on; give the vocabulary that says what it stands for"
            )
        if label >= self.semantic.labels:
            raise InvalidRequestError(
                f"{place}: {word!r} is label {label}; the model has 0..{self.semantic.labels - 1}"
            )
        return label


@dataclass(frozen=True, slots=True)
class _Interval:
    """`start`, `end` in samples, not rounded."""

    start: float
    end: float
    label: int


def _read_intervals(path: Path, names: _Names, sample_rate: int, hop_samples: int) -> list[_Interval]:
    rows = [(number, line.split()) for number, line in _lines(path) if line.split()]
    for number, row in rows:
        if len(row) != 3 or not (_TIME.fullmatch(row[0]) and _TIME.fullmatch(row[1])):
            raise InvalidRequestError(f"{path}, line {number}: not `start end label`; write 0.00 0.35 sil")
    in_seconds = any("." in time for _, row in rows for time in row[:2])
    unit = sample_rate if in_seconds else 1
    intervals: list[_Interval] = []
    before = 0.0
    for number, (start_text, end_text, word) in rows:
        place = f"{path}, line {number}"
        start, end = float(start_text) * unit, float(end_text) * unit
        if start >= end:
            raise InvalidRequestError(
                f"{place}: the interval ends at {end_text}, before it lasts; correct it"
            )
        if start < before - 0.5:
            raise InvalidRequestError(
                f"{place}: the interval starts at {start_text}, inside the one before; sort or cut them"
            )
        if start > before + hop_samples:
            raise InvalidRequestError(
                f"{place}: nothing is said of the time before {start_text}; write an interval for the silence"
            )
        intervals.append(_Interval(start, end, names.label(word, place)))
        before = end
    return intervals


def _labels_of(intervals: list[_Interval], path: Path, n_samples: int, hop_samples: int) -> Labels:
    """The label at the middle of every hop, up to the end of the last interval."""
    end = intervals[-1].end if intervals else 0.0
    if not n_samples - (MISSING_AT_END + 1) * hop_samples < end <= n_samples + hop_samples:
        raise InvalidRequestError(
            f"{path} ends at sample {end:.0f}, the audio at {n_samples}; give the alignment of this "
            "recording, in seconds with a point in them or in samples"
        )
    edges = np.append(np.arange(0, n_samples, hop_samples), n_samples)
    middles = (edges[:-1] + edges[1:]) / 2
    middles = middles[: max(1, int((middles < end).sum()))]
    starts = np.array([interval.start for interval in intervals])
    chosen = np.maximum(np.searchsorted(starts, middles, side="right") - 1, 0)
    labels: Labels = np.array([interval.label for interval in intervals], np.uint16)[chosen]
    return labels


def _read_array(path: Path, semantic: SemanticConfig) -> Labels:
    try:
        labels = read_integers(path)
    except (OSError, InvalidTokensError) as error:
        raise InvalidRequestError(f"{path} is no array of integers: {error}") from error
    if labels.ndim != 1:
        raise InvalidRequestError(
            f"{path} holds {labels.dtype} {list(labels.shape)}; write integers along one axis"
        )
    outside = np.flatnonzero((labels < 0) | (labels >= semantic.labels))
    if len(outside):
        raise InvalidRequestError(
            f"{path}: label {outside[0]} is {labels[outside[0]]}; the model has 0..{semantic.labels - 1}"
        )
    return labels.astype(np.uint16)


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file, numbered from 1."""
    try:
        return list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{path} cannot be read as text: {error}") from error
