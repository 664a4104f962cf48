"""ViSQOL: an opinion score for a degraded signal beside its reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codec.errors import InvalidAudioError
from training.visqol.alignment import Aligned, align
from training.visqol.frame_energy import frame_energy_of
from training.visqol.mapping import exponential, limited
from training.visqol.matching import Match, match_patches
from training.visqol.patches import patch_starts
from training.visqol.realignment import realigned
from training.visqol.settings import Floats, Generation, Mode, Settings
from training.visqol.spectrogram import spectrogram_pair
from training.visqol.svr import SupportVectors, installed_model, load_svr

Mapper = Literal["exponential scaled", "exponential unscaled", "svr"]


@dataclass(frozen=True, slots=True)
class PatchScore:
    """One compared stretch: where it begins in the aligned signals, and their similarity there, at most 1."""

    reference_s: float
    degraded_s: float
    similarity: float


@dataclass(frozen=True, slots=True)
class VisqolScore:
    """An opinion score, 1 to 5, and what it was made from.

    Scores of different modes, mappers or generations do not compare.
    """

    mos: float
    mode: Mode
    mapper: Mapper
    generation: Generation
    vnsim: float
    """Mean similarity of all patches and bands, at most 1."""
    fvnsim: tuple[float, ...]
    """Mean similarity by band, the lowest band first."""
    lag_samples: int
    """Zeros that were put before the degraded signal to align it; if negative, samples dropped there."""
    patches: tuple[PatchScore, ...]


def visqol(
    reference: NDArray[np.floating],
    degraded: NDArray[np.floating],
    sample_rate: int,
    mode: Mode = "speech",
    generation: Generation = "v333",
    *,
    scaled: bool = True,
    svr_model: Path | None = None,
) -> VisqolScore:
    """Compare two signals `[sample]` or `[channel, sample]` in -1..1, of the same rate; lengths may differ.

    Speech mode is made for 16 kHz and maps by an exponential (`scaled`: equal signals get 5); audio mode is
    made for 48 kHz and maps by the regression in the file `svr_model`, by default that of the package
    `visqol-python`. Nothing is resampled. A minute of degraded signal takes 40 MB in speech mode and 80 MB in
    audio mode. Raises `InvalidAudioError` if a signal is too short or not finite or the reference of speech
    mode is silent, `ConfigError` if there is no regression file, `InvalidRequestError` for an unknown mode.
    """
    settings = Settings(mode, generation, sample_rate)
    regression = load_svr(svr_model or installed_model()) if mode == "audio" else None
    original = _mono(reference, "reference", settings)
    aligned = _aligned(original, _mono(degraded, "degraded", settings), settings)
    coded = _at_level_of(original, aligned.degraded)
    pair = spectrogram_pair(original, coded, frame_energy_of(settings), settings.hop_samples)
    starts = patch_starts(original, pair.reference.shape[1], settings)
    matches = match_patches(pair, starts, settings)
    by_patch = [realigned(original, coded, match, settings) for match in matches]
    fvnsim = np.mean(by_patch, axis=0)
    mapper, mos = _opinion(fvnsim, settings, scaled, regression)
    return VisqolScore(
        mos=limited(mos, float(fvnsim.mean())),
        mode=mode,
        mapper=mapper,
        generation=generation,
        vnsim=float(fvnsim.mean()),
        fvnsim=tuple(fvnsim.tolist()),
        lag_samples=aligned.lag_samples,
        patches=_patch_scores(matches, by_patch, settings.hop_s),
    )


def _opinion(
    fvnsim: Floats, settings: Settings, scaled: bool, regression: SupportVectors | None
) -> tuple[Mapper, float]:
    if regression is not None:
        return "svr", regression.predict(fvnsim)
    mapper: Mapper = "exponential scaled" if scaled else "exponential unscaled"
    return mapper, exponential(float(fvnsim.mean()), settings.generation, scaled=scaled)


def _patch_scores(
    matches: Sequence[Match], by_patch: Sequence[Floats], hop_s: float
) -> tuple[PatchScore, ...]:
    return tuple(
        PatchScore(match.reference_frame * hop_s, match.degraded_frame * hop_s, float(fvnsim.mean()))
        for match, fvnsim in zip(matches, by_patch, strict=True)
    )


def _mono(signal: NDArray[np.floating], name: str, settings: Settings) -> Floats:
    """Mean of the channels, checked."""
    mono = np.asarray(signal, dtype=np.float64)
    mono = mono.mean(axis=0) if mono.ndim == 2 else mono
    if len(mono) <= settings.frame_samples:
        raise InvalidAudioError(
            f"the {name} signal has {len(mono)} samples; give more than a frame of {settings.frame_samples}"
        )
    if not np.isfinite(mono).all():
        raise InvalidAudioError(
            f"the {name} signal has samples that are not finite; repair it or leave it out"
        )
    return mono


def _aligned(reference: Floats, degraded: Floats, settings: Settings) -> Aligned:
    aligned = align(reference, degraded)
    if len(aligned.degraded) <= settings.frame_samples:
        raise InvalidAudioError("hardly anything of the degraded signal is left once aligned; check the pair")
    return aligned


def _at_level_of(reference: Floats, degraded: Floats) -> Floats:
    """The degraded signal with the power of the reference; silence stays what it is."""
    powers = [float(np.mean(signal**2)) for signal in (reference, degraded)]
    return degraded * np.sqrt(powers[0] / powers[1]) if powers[1] > 0 else degraded
