"""The constants that tell ViSQOL's modes and generations apart."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from codec.errors import InvalidRequestError

Mode = Literal["speech", "audio"]
Generation = Literal["v333", "v310"]
Floats = NDArray[np.float64]

FRAME_S = 0.080
LOWEST_HZ = 50.0
SPEECH_HIGHEST_HZ = 8000.0
SEARCH_PATCHES = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """How one comparison is made; lengths in samples follow from the sample rate, as nothing is resampled.

    Raises `InvalidRequestError` for an unknown mode or generation: scores under a wrong name would mislead.
    """

    mode: Mode
    generation: Generation
    sample_rate: int

    def __post_init__(self) -> None:
        for name, value, known in (
            ("mode", self.mode, get_args(Mode)),
            ("generation", self.generation, get_args(Generation)),
        ):
            if value not in known:
                raise InvalidRequestError(f"ViSQOL has no {name} {value!r}; choose one of {', '.join(known)}")

    @property
    def frame_samples(self) -> int:
        """Length of an analysis frame, 80 ms."""
        return round(FRAME_S * self.sample_rate)

    @property
    def hop_samples(self) -> int:
        """Distance of two frames, a quarter of a frame."""
        return self.frame_samples // 4

    @property
    def hop_s(self) -> float:
        """Distance of two frames in seconds."""
        return self.hop_samples / self.sample_rate

    @property
    def bands(self) -> int:
        """Number of gammatone bands."""
        return 21 if self.mode == "speech" else 32

    @property
    def highest_hz(self) -> float:
        """Upper end of the bands."""
        nyquist_hz = self.sample_rate / 2
        return min(SPEECH_HIGHEST_HZ, nyquist_hz) if self.mode == "speech" else nyquist_hz

    @property
    def patch_frames(self) -> int:
        """Length of the stretches that are compared."""
        return 20 if self.mode == "speech" else 30

    @property
    def search_frames(self) -> int:
        """How far from its place in the reference a patch is searched in the degraded signal."""
        return SEARCH_PATCHES * self.patch_frames

    @property
    def windowed(self) -> bool:
        """Whether frames are tapered before they are filtered."""
        return self.generation == "v333"

    @property
    def pads_short_patches(self) -> bool:
        """Whether a patch that runs past the end of its signal is filled up with zeros."""
        return self.generation == "v333"
