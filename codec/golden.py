"""Golden vectors: a short clip and the codes that a version gave for it, stored with the version.

A loader repeats them to prove that it runs the model that was published.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from codec.errors import RepositoryError
from codec.model import Codec

FOLDER = "golden"
INPUT_FILE = f"{FOLDER}/input.flac"
CODES_FILE = f"{FOLDER}/codes.npy"
MAX_SECONDS = 60
"""Longest clip: every load encodes it."""

TOLERANCE = 0.02
"""Share of codes that may differ: other processors round differently, and a near tie then falls otherwise."""


@dataclass(frozen=True, slots=True)
class Golden:
    """`audio`: float32 `[1, 1, sample]`; `codes`: int64 `[1, codebook, frame]`."""

    audio: Tensor
    codes: Tensor


def golden_signal(sample_rate: int) -> Tensor:
    """Three seconds `[1, 1, sample]` that exercise a speech codec and belong to nobody: gliding voiced
    syllables with a falling spectrum, hisses between them, and a pause.
    """
    time = np.arange(3 * sample_rate) / sample_rate
    pitch = 130 * np.exp2(0.4 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    voice = sum((np.sin(k * phase) / k for k in range(1, 25)), start=np.zeros_like(time))
    hiss = np.random.default_rng(0).standard_normal(len(time))
    syllable = np.sin(2 * np.pi * 2 * time)
    signal = 0.1 * voice * syllable.clip(0) + 0.03 * hiss * (-syllable).clip(0)
    signal[int(2.5 * sample_rate) :] = 0
    return torch.from_numpy(signal.astype(np.float32)).view(1, 1, -1)


def write_golden(codec: Codec, audio: Tensor, folder: Path) -> Golden:
    """Encode `audio` `[1, 1, sample]`, as 16-bit samples hold it, with all codebooks; write both files."""
    (folder / FOLDER).mkdir(exist_ok=True)
    samples = (audio[0, 0].clamp(-1, 1) * 32767).round().to(torch.int16).numpy()
    soundfile.write(folder / INPUT_FILE, samples, codec.config.sample_rate, subtype="PCM_16")
    heard = _read_input(folder, codec.config.sample_rate)
    codes = codec.encode(heard, codec.config.quantizer.codebooks).codes
    np.save(folder / CODES_FILE, codes[0].numpy().astype("<u2"))
    return Golden(heard, codes)


def read_golden(folder: Path, sample_rate: int) -> Golden:
    """The golden vectors of a version. Raises `RepositoryError` if they cannot be read."""
    try:
        with (folder / CODES_FILE).open("rb") as file:
            codes = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RepositoryError(f"{CODES_FILE} cannot be read: {error}; publish the version again") from error
    if codes.dtype != np.uint16 or codes.ndim != 2:
        raise RepositoryError(
            f"{CODES_FILE} holds {codes.dtype} {codes.shape}, not u16 [codebook, frame]; "
            "publish the version again"
        )
    return Golden(_read_input(folder, sample_rate), torch.from_numpy(codes.astype(np.int64)).unsqueeze(0))


def golden_mismatch(codec: Codec, golden: Golden) -> float:
    """Share of the golden codes that the codec does not reproduce; 1 if the shapes differ."""
    codes = codec.encode(golden.audio, codec.config.quantizer.codebooks).codes
    if codes.shape != golden.codes.shape:
        return 1.0
    return float((codes != golden.codes).double().mean())


def _read_input(folder: Path, sample_rate: int) -> Tensor:
    try:
        samples, rate = soundfile.read(folder / INPUT_FILE, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise RepositoryError(f"{INPUT_FILE} cannot be read: {error}; publish the version again") from error
    if rate != sample_rate or samples.shape[1] != 1 or not 0 < len(samples) <= MAX_SECONDS * rate:
        raise RepositoryError(
            f"{INPUT_FILE} must be mono, {sample_rate} Hz and at most {MAX_SECONDS} s; publish such a clip"
        )
    return torch.from_numpy(samples.T.copy()).unsqueeze(0)
