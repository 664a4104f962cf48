"""Fine alignment of matched patches, in samples instead of frames."""

import numpy as np

from training.visqol.alignment import align_and_truncate
from training.visqol.frame_energy import frame_energy_of
from training.visqol.matching import Match
from training.visqol.nsim import band_similarity, local_statistics
from training.visqol.settings import Floats, Settings
from training.visqol.spectrogram import spectrogram_pair


def realigned(reference: Floats, degraded: Floats, match: Match, settings: Settings) -> Floats:
    """Similarity by band `[band]` of a matched patch of two signals `[sample]`, aligned on its own.

    The similarity of the match itself stands if it is higher, if too little audio is left for a frame, or if
    the patch is lost.
    """
    if match.lost:
        return match.fvnsim
    original = _cut(reference, match.reference_frame, settings)
    coded = _cut(degraded, match.degraded_frame, settings)
    aligned = align_and_truncate(original, coded, settings.sample_rate)
    if len(aligned.reference) <= settings.frame_samples:
        return match.fvnsim
    bank = frame_energy_of(settings)
    pair = spectrogram_pair(aligned.reference, aligned.degraded, bank, settings.hop_samples)
    stacks = [local_statistics(side[:, :, None]) for side in (pair.reference, pair.degraded)]
    fvnsim = band_similarity(*stacks)[:, 0]
    return match.fvnsim if fvnsim.mean() < match.fvnsim.mean() else fvnsim


def _cut(signal: Floats, frame: int, settings: Settings) -> Floats:
    """The audio of the patch that begins at `frame`."""
    start_s = frame * settings.hop_s
    end = (start_s + settings.patch_frames * settings.hop_s) * settings.sample_rate
    audio = signal[int(start_s * settings.sample_rate) : min(len(signal) - 1, int(end))]
    # The original makes up for the missing end at the beginning.
    missing = max(int(end - len(signal)), 0) if settings.pads_short_patches else 0
    return np.concatenate([np.zeros(missing), audio])
