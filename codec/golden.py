"""Golden vectors: a short clip and the codes that a version gave for it, stored with the version.

A loader repeats them to prove that it runs the model that was published.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from codec.array_file import read_integers
from codec.encoded import Encoded
from codec.errors import InvalidTokensError, RepositoryError
from codec.model_config import ModelConfig
from codec.seanet_config import SeanetCodecConfig
from codec.weights import AnyCodec

FOLDER = "golden"
INPUT_FILE = f"{FOLDER}/input.flac"
CODES_FILE = f"{FOLDER}/codes.npy"
MAX_SECONDS = 60
"""Longest clip: every load encodes it."""

TOLERANCE = 0.02
"""Share of codes that may differ: other processors round differently, and a near tie then falls otherwise."""


@dataclass(frozen=True, slots=True)
class Golden:
    """`audio`: float32 `[1, channel, sample]`; `codes`: int64 `[1, codebook, frame]`."""

    audio: Tensor
    codes: Tensor

    def to(self, device: torch.device) -> "Golden":
        """The same on a device."""
        return Golden(self.audio.to(device), self.codes.to(device))


def golden_signal(sample_rate: int, channels: int = 1) -> Tensor:
    """Three seconds `[1, channel, sample]` that exercise a speech codec and belong to nobody: gliding voiced
    syllables with a falling spectrum, hisses between them, and a pause; softer in each further channel.
    """
    time = np.arange(3 * sample_rate) / sample_rate
    pitch = 130 * np.exp2(0.4 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    voice = sum((np.sin(k * phase) / k for k in range(1, 25)), start=np.zeros_like(time))
    hiss = np.random.default_rng(0).standard_normal(len(time))
    syllable = np.sin(2 * np.pi * 2 * time)
    signal = 0.1 * voice * syllable.clip(0) + 0.03 * hiss * (-syllable).clip(0)
    signal[int(2.5 * sample_rate) :] = 0
    levels = torch.tensor([0.5**channel for channel in range(channels)])
    return levels.view(1, -1, 1) * torch.from_numpy(signal.astype(np.float32))


def golden_encode(codec: AnyCodec, audio: Tensor) -> Encoded:
    """All codebooks of the clip; a model with a semantic stream hears its labels in turn, in steps of 7."""
    config, labels = codec.config, None
    if isinstance(config, SeanetCodecConfig) and config.semantic is not None:
        labels = (7 * torch.arange(config.labels_for(audio.shape[-1]), device=audio.device)).unsqueeze(0)
        labels %= config.semantic.labels
    return codec.encode(audio, config.quantizer.codebooks, labels=labels)


def write_golden(codec: AnyCodec, audio: Tensor, folder: Path) -> Golden:
    """Encode `audio` `[1, channel, sample]`, as 16-bit samples hold it, all codebooks; write both files."""
    (folder / FOLDER).mkdir(exist_ok=True)
    samples = (audio[0].T.clamp(-1, 1) * 32767).round().to(torch.int16).numpy()
    soundfile.write(folder / INPUT_FILE, samples, codec.config.sample_rate, subtype="PCM_16")
    heard = _read_input(folder, codec.config)
    codes = golden_encode(codec, heard).codes
    np.save(folder / CODES_FILE, codes[0].numpy().astype("<u2"))
    return Golden(heard, codes)


def read_golden(folder: Path, config: ModelConfig) -> Golden:
    """The golden vectors of a version of such a model. Raises `RepositoryError` if they cannot be read."""
    try:
        codes = read_integers(folder / CODES_FILE)
    except (OSError, InvalidTokensError) as error:
        raise RepositoryError(f"{CODES_FILE} cannot be read: {error}; publish the version again") from error
    if codes.dtype != np.uint16 or codes.ndim != 2:
        raise RepositoryError(
            f"{CODES_FILE} holds {codes.dtype} {codes.shape}, not u16 [codebook, frame]; "
            "publish the version again"
        )
    return Golden(_read_input(folder, config), torch.from_numpy(codes.astype(np.int64)).unsqueeze(0))


def golden_mismatch(codec: AnyCodec, golden: Golden) -> float:
    """Share of the golden codes that the codec does not reproduce; 1 if the shapes differ."""
    codes = golden_encode(codec, golden.audio).codes
    if codes.shape != golden.codes.shape:
        return 1.0
    return float((codes != golden.codes).double().mean())


def _read_input(folder: Path, config: ModelConfig) -> Tensor:
    try:
        with soundfile.SoundFile(folder / INPUT_FILE) as file:
            shape, claimed = (file.samplerate, file.channels), file.frames
            wanted = (config.sample_rate, config.channels)
            if shape != wanted or not 0 < claimed <= MAX_SECONDS * config.sample_rate:
                raise RepositoryError(
                    f"{INPUT_FILE} must have {config.channels} channels, {config.sample_rate} Hz and at most "
                    f"{MAX_SECONDS} s; publish such a clip"
                )
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise RepositoryError(f"{INPUT_FILE} cannot be read: {error}; publish the version again") from error
    if len(samples) != claimed:
        raise RepositoryError(f"{INPUT_FILE} ends too early; publish the version again")
    return torch.from_numpy(samples.T.copy()).unsqueeze(0)
