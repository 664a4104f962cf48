from dataclasses import replace

import numpy as np

from tests.training.visqol.signals import golden_reference
from training.visqol.frame_energy import frame_energy_of
from training.visqol.matching import Match, match_patches
from training.visqol.realignment import realigned
from training.visqol.settings import Floats, Generation, Settings
from training.visqol.spectrogram import spectrogram_pair

SETTINGS = Settings("speech", "v333", 16000)


def coarse_match(reference: Floats, degraded: Floats, start: int) -> Match:
    pair = spectrogram_pair(reference, degraded, frame_energy_of(SETTINGS), SETTINGS.hop_samples)
    (match,) = match_patches(pair, [start], SETTINGS)
    return match


def noisy_voice() -> Floats:
    # The noise makes the best alignment unique, which that of a periodic sound is not.
    return golden_reference() + 0.05 * np.random.default_rng(0).standard_normal(48000)


def test_a_patch_half_a_frame_late_becomes_fully_similar() -> None:
    reference = noisy_voice()
    degraded = np.concatenate([np.zeros(160), reference])
    match = coarse_match(reference, degraded, 49)
    assert match.fvnsim.mean() < 0.98
    assert realigned(reference, degraded, match, SETTINGS).mean() > 0.999


def test_a_higher_similarity_from_the_match_stands() -> None:
    reference = noisy_voice()
    match = replace(coarse_match(reference, reference, 49), fvnsim=np.full(SETTINGS.bands, 1.5))
    np.testing.assert_array_equal(realigned(reference, reference, match, SETTINGS), match.fvnsim)


def test_a_lost_patch_stays_lost() -> None:
    reference = noisy_voice()
    lost = Match(49, 49, np.zeros(SETTINGS.bands), lost=True)
    assert not realigned(reference, reference, lost, SETTINGS).any()


def test_a_patch_of_which_less_than_a_frame_is_left_keeps_its_match() -> None:
    reference = noisy_voice()
    start, last = 49 * 320, (len(reference) - 1280) // 320
    degraded = np.concatenate([reference[: last * 320], reference[start : start + 1280]])
    # Lower than any comparison can come out.
    match = Match(49, last, np.full(SETTINGS.bands, -2.0), lost=False)

    def realigned_in(generation: Generation) -> Floats:
        return realigned(reference, degraded, match, Settings("speech", generation, 16000))

    np.testing.assert_array_equal(realigned_in("v310"), match.fvnsim)
    # The newer generation fills the patch up, so that there is something to compare.
    assert (realigned_in("v333") > match.fvnsim).all()
