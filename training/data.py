"""Audio for training: a folder of files, decoded once into memory as 16-bit samples, cropped at random.

A batch is a pure function of (seed, step). So a resumed run hears what an uninterrupted one would have.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from codec.errors import InvalidAudioError
from training.recipe import DataConfig

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that could not be used, and why."""

    path: Path
    reason: str


class AudioFolder:
    """Every audio file below a folder, at one rate, in memory (115 MB an hour at 16 kHz).

    `broken` names the files that could not be used. Raises `InvalidAudioError` if there is none to use.
    """

    def __init__(self, folder: Path, sample_rate: int) -> None:
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not paths:
            raise InvalidAudioError(f"no audio below {folder}; data.train must be a folder with audio files")
        self.broken: list[BrokenFile] = []
        self.clips: list[NDArray[np.int16]] = []
        with ThreadPoolExecutor(2) as pool:
            loaded = pool.map(lambda path: _load(path, sample_rate), paths)
            for item in tqdm(loaded, total=len(paths), desc="reading audio", unit="file"):
                if isinstance(item, BrokenFile):
                    _log.warning("skipped %s: %s", item.path, item.reason)
                    self.broken.append(item)
                else:
                    self.clips.append(item)
        if not self.clips:
            raise InvalidAudioError(
                f"none of the {len(paths)} files below {folder} can be used; "
                f"the first is {self.broken[0].path}: {self.broken[0].reason}"
            )
        lengths = np.array([len(clip) for clip in self.clips], dtype=np.float64)
        self._chance = lengths / lengths.sum()
        self.seconds = float(lengths.sum()) / sample_rate

    def batch(self, config: DataConfig, crop_samples: int, seed: int, step: int) -> Tensor:
        """Float32 `[item, 1, sample]` for one step: random crops, each at a random level.

        A clip is drawn with a chance proportional to its length; one shorter than the crop is padded
        with silence. Louder than full scale is scaled back, not clipped.
        """
        random = np.random.default_rng((seed, step))
        crops = np.zeros((config.batch_items, 1, crop_samples), dtype=np.float32)
        for row, index in enumerate(random.choice(len(self.clips), config.batch_items, p=self._chance)):
            clip = self.clips[index]
            start = int(random.integers(0, max(1, len(clip) - crop_samples + 1)))
            piece = clip[start : start + crop_samples].astype(np.float32) / 32768
            gain = 10 ** (random.uniform(*config.gain_db) / 20)
            peak = float(np.abs(piece).max(initial=0.0)) * gain
            crops[row, 0, : len(piece)] = piece * (gain / max(1.0, peak))
        return torch.from_numpy(crops)


def _load(path: Path, sample_rate: int) -> NDArray[np.int16] | BrokenFile:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        return BrokenFile(path, str(error))
    mono = samples.mean(axis=1)
    if len(mono) < rate // 10:
        return BrokenFile(path, "shorter than 0.1 s")
    if not np.isfinite(mono).all():
        return BrokenFile(path, "holds NaN or infinity")
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate)
    scaled: NDArray[np.float32] = np.clip(np.round(mono * 32768), -32768, 32767)
    return scaled.astype(np.int16)
