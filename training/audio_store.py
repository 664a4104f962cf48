"""Recordings at one rate: in memory as 16-bit samples, or on the disk where they are too many for that."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from codec.errors import CodecError, ConfigError, InvalidAudioError, InvalidRequestError
from codec.model_config import ModelConfig
from codec.seanet_config import SeanetCodecConfig
from codec.semantic_labels import LabelFiles
from codec.side import Labels
from training.recordings import Recording

SHORTEST_SECONDS = 0.1
_READERS = 2
_EDGE_SAMPLES = 256
"""Read around a piece that is resampled, whose ends would else ring."""

_log = logging.getLogger(__name__)


class UnusableError(CodecError):
    """A recording that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that could not be used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Part of a recording: float32 `[channel, sample]`, and its labels, one for every label hop."""

    samples: NDArray[np.float32]
    labels: Labels | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """What a model hears.

    `labelled`: the config of a model with a semantic stream; `vocabulary`: how its label files are read.
    """

    sample_rate: int
    channels: int
    labelled: SeanetCodecConfig | None = None
    vocabulary: Path | None = None

    @property
    def label_hop(self) -> int:
        """Samples of a label, 0 for models that hear none."""
        return self.labelled.semantic.hop_samples if self.labelled and self.labelled.semantic else 0

    def labels_of(self, recording: Recording, n_samples: int) -> Labels | None:
        """The labels of a whole recording. Raises `UnusableError` if they are missing or do not fit."""
        if not self.labelled:
            return None
        if recording.labels is None:
            raise UnusableError("has no labels, which the model needs; add data.labels, or a column of them")
        try:
            files = LabelFiles(recording.labels, _root_of(recording), self.labelled, self.vocabulary)
            return files.labels(recording.path, np.broadcast_to(np.float32(0), (1, n_samples)))
        except InvalidRequestError as error:
            raise UnusableError(str(error)) from error


class AudioStore(Protocol):
    """Recordings by number; `lengths`: their samples; `broken`: what could not be used so far."""

    lengths: NDArray[np.int64]
    format: Format

    def read(self, index: int, start: int, count: int) -> Piece:
        """At most `count` samples from `start` on; fewer at the end. Raises `UnusableError`."""

    @property
    def broken(self) -> list[BrokenFile]:
        """Files that could not be used so far, and why."""


class MemoryStore:
    """Every recording decoded once (115 MB an hour at 16 kHz, mono)."""

    def __init__(self, recordings: Sequence[Recording], form: Format) -> None:
        self.format = form
        self._broken: list[BrokenFile] = []
        self._clips: list[NDArray[np.int16]] = []
        self._labels: list[Labels | None] = []
        with ThreadPoolExecutor(_READERS) as pool:
            loaded = pool.map(lambda recording: _load(recording, form), recordings)
            for item in tqdm(loaded, total=len(recordings), desc="reading audio", unit="file"):
                if isinstance(item, BrokenFile):
                    _note(self._broken, item)
                else:
                    self._clips.append(item[0])
                    self._labels.append(item[1])
        _refuse_nothing(len(self._clips), self._broken)
        self.lengths = np.array([clip.shape[1] for clip in self._clips], dtype=np.int64)

    @property
    def broken(self) -> list[BrokenFile]:
        """See `AudioStore`."""
        return self._broken

    def read(self, index: int, start: int, count: int) -> Piece:
        """See `AudioStore`."""
        samples = self._clips[index][:, start : start + count].astype(np.float32) / np.float32(32768)
        return Piece(samples, _cut_labels(self._labels[index], self.format, start, samples.shape[1]))


class DiskStore:
    """Recordings stay in their files; only headers are read before."""

    def __init__(self, recordings: Sequence[Recording], form: Format) -> None:
        self.format = form
        self._broken: list[BrokenFile] = []
        self._recordings: list[Recording] = []
        lengths = []
        for recording, length in zip(recordings, _lengths(recordings, form), strict=True):
            if isinstance(length, BrokenFile):
                _note(self._broken, length)
            else:
                self._recordings.append(recording)
                lengths.append(length)
        _refuse_nothing(len(lengths), self._broken)
        self.lengths = np.array(lengths, dtype=np.int64)

    @property
    def broken(self) -> list[BrokenFile]:
        """See `AudioStore`; workers find the same file at times that differ, so in the order of the names."""
        return sorted(self._broken, key=lambda item: item.path)

    def read(self, index: int, start: int, count: int) -> Piece:
        """See `AudioStore`; a file that turns out to be broken is noted once."""
        recording = self._recordings[index]
        try:
            samples = _read_piece(recording.path, start, count, self.format)
            labels = self.format.labels_of(recording, int(self.lengths[index]))
        except UnusableError as error:
            if recording.path not in {item.path for item in self._broken}:
                _note(self._broken, BrokenFile(recording.path, str(error)))
            raise
        return Piece(samples, _cut_labels(labels, self.format, start, samples.shape[1]))


def format_of(config: ModelConfig, vocabulary: Path | None) -> Format:
    """What a model of this config hears."""
    labelled = config if isinstance(config, SeanetCodecConfig) and config.semantic else None
    return Format(config.sample_rate, config.channels, labelled, vocabulary)


def open_store(recordings: Sequence[Recording], form: Format, memory_bytes: float) -> AudioStore:
    """The recordings in memory if they fit into `memory_bytes`, else on the disk.

    Raises `InvalidAudioError` if there is none to use, and `ConfigError` for labels that the model does not
    hear.
    """
    if not form.label_hop and any(recording.labels for recording in recordings):
        raise ConfigError("the model has no semantic stream; leave data.labels out, or train another")
    rate, channels = form.sample_rate, form.channels
    most_samples = memory_bytes / (2 * channels)
    # No recording is worth less than a header, so very many need not be measured.
    if len(recordings) * SHORTEST_SECONDS * rate > most_samples:
        return DiskStore(recordings, form)
    total = sum(length for length in _lengths(recordings, form) if not isinstance(length, BrokenFile))
    return MemoryStore(recordings, form) if total <= most_samples else DiskStore(recordings, form)


def _lengths(recordings: Sequence[Recording], form: Format) -> list[int | BrokenFile]:
    """Samples of each recording at the model's rate, by what its header says."""

    def length_of(recording: Recording) -> int | BrokenFile:
        try:
            info = soundfile.info(recording.path)
        except (soundfile.SoundFileError, OSError) as error:
            return BrokenFile(recording.path, str(error))
        if info.frames < info.samplerate * SHORTEST_SECONDS:
            return BrokenFile(recording.path, f"shorter than {SHORTEST_SECONDS} s")
        return int(info.frames * form.sample_rate // info.samplerate)

    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(length_of, recordings))


def _load(recording: Recording, form: Format) -> tuple[NDArray[np.int16], Labels | None] | BrokenFile:
    try:
        samples = _read_piece(recording.path, 0, None, form)
        labels = form.labels_of(recording, samples.shape[1])
    except UnusableError as error:
        return BrokenFile(recording.path, str(error))
    scaled: NDArray[np.float32] = np.clip(np.round(samples * 32768), -32768, 32767)
    return scaled.astype(np.int16), labels


def _read_piece(path: Path, start: int, count: int | None, form: Format) -> NDArray[np.float32]:
    """`count` samples at the model's rate from `start` on, or all, `[channel, sample]`."""
    try:
        with soundfile.SoundFile(path) as file:
            ratio = file.samplerate / form.sample_rate
            first, around = int(start * ratio), _EDGE_SAMPLES * (ratio != 1)
            edge = min(first, around)
            file.seek(first - edge)
            wanted = -1 if count is None else edge + int(np.ceil(count * ratio)) + around
            samples = file.read(wanted, dtype="float32", always_2d=True)
            rate = file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        raise UnusableError(str(error)) from error
    if count is None and len(samples) < rate * SHORTEST_SECONDS:
        raise UnusableError(f"shorter than {SHORTEST_SECONDS} s")
    samples = _mixed(samples, form.channels)
    if not np.isfinite(samples).all():
        raise UnusableError("holds NaN or infinity")
    if rate != form.sample_rate:
        samples = soxr.resample(samples, rate, form.sample_rate)
        skipped = round(edge / ratio)
        samples = samples[skipped : None if count is None else skipped + count]
    return np.ascontiguousarray(samples.T)


def _mixed(samples: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """`[sample, channel]` with as many channels as the model has."""
    if channels == 1:
        mono: NDArray[np.float32] = samples.mean(axis=1)[:, None]
        return mono
    if samples.shape[1] == 1:
        return np.repeat(samples, channels, axis=1)
    if samples.shape[1] != channels:
        raise UnusableError(f"has {samples.shape[1]} channels, the model {channels}")
    return samples


def _cut_labels(labels: Labels | None, form: Format, start: int, count: int) -> Labels | None:
    if labels is None:
        return None
    return labels[start // form.label_hop : -(-(start + count) // form.label_hop)]


def _root_of(recording: Recording) -> Path:
    """What the label files mirror: the folder of the source for a folder of labels, else the recording."""
    assert recording.labels is not None
    return recording.root if recording.labels.is_dir() else recording.path


def _note(broken: list[BrokenFile], item: BrokenFile) -> None:
    _log.warning("skipped %s: %s", item.path, item.reason)
    broken.append(item)


def _refuse_nothing(usable: int, broken: list[BrokenFile]) -> None:
    if not usable:
        raise InvalidAudioError(
            f"none of the {len(broken)} recordings can be used; the first is {broken[0].path}: "
            f"{broken[0].reason}"
        )
