from dataclasses import dataclass

import numpy as np
import pytest

from training.visqol.matching import match_patches
from training.visqol.nsim import band_similarity, local_statistics
from training.visqol.settings import Floats, Settings
from training.visqol.spectrogram import SpectrogramPair

SETTINGS = Settings("speech", "v333", 16000)
LENGTH = SETTINGS.patch_frames


@dataclass(frozen=True)
class Place:
    offset: int
    similarity: float


def similarity_at(pair: SpectrogramPair, start: int, offset: int) -> float:
    filled = np.pad(pair.degraded, ((0, 0), (0, LENGTH)))
    sides = pair.reference[:, start : start + LENGTH], filled[:, offset : offset + LENGTH]
    return float(band_similarity(*(local_statistics(side[:, :, None]) for side in sides)).mean())


def places_by_definition(pair: SpectrogramPair, starts: list[int]) -> list[Place]:
    """The dynamic programme cell by cell, for signals shorter than the search radius."""
    n_frames = pair.degraded.shape[1]
    totals, origins = np.zeros((len(starts), n_frames)), np.full((len(starts), n_frames), -1)
    for index, start in enumerate(starts):
        for offset in range(n_frames):
            totals[index, offset] = similarity_at(pair, start, offset)
            if index == 0:
                continue
            best, origin = -np.inf, -1
            for before in range(offset - 1, -1, -1):
                if totals[index - 1, before] > best:
                    best, origin = totals[index - 1, before], before
            totals[index, offset] += best
            if totals[index - 1, offset] > totals[index, offset]:
                totals[index, offset], origin = totals[index - 1, offset], offset
            origins[index, offset] = origin
    offset, places = int(totals[-1].argmax()), []
    for index in range(len(starts) - 1, -1, -1):
        lost = origins[index, offset] == offset
        places.append(Place(offset, 0.0 if lost else similarity_at(pair, starts[index], offset)))
        offset = int(origins[index, offset])
    return places[::-1]


def found(pair: SpectrogramPair, starts: list[int]) -> list[Place]:
    return [Place(m.degraded_frame, m.fvnsim.mean()) for m in match_patches(pair, starts, SETTINGS)]


def texture(n_frames: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(0, 40, (SETTINGS.bands, n_frames))


@pytest.mark.parametrize("case", ["same", "shifted", "shorter", "swapped", "other"])
def test_equals_the_dynamic_programme_cell_by_cell(case: str) -> None:
    reference = texture(90)
    degraded = {
        "same": reference,
        "shifted": np.concatenate([texture(7, 1), reference], axis=1),
        "shorter": reference[:, 30:],
        "swapped": np.concatenate([reference[:, 45:], reference[:, :45]], axis=1),
        "other": texture(70, 2),
    }[case]
    pair = SpectrogramPair(reference, degraded)
    starts = [9, 29, 49, 69]
    places, expected = found(pair, starts), places_by_definition(pair, starts)
    assert [place.offset for place in places] == [place.offset for place in expected]
    np.testing.assert_allclose([p.similarity for p in places], [p.similarity for p in expected], atol=1e-12)


def test_patches_are_found_where_they_are() -> None:
    reference = texture(130)
    degraded = np.concatenate([texture(11, 1), reference[:, :60], texture(5, 2), reference[:, 60:]], axis=1)
    matches = match_patches(SpectrogramPair(reference, degraded), [9, 29, 69, 89], SETTINGS)
    assert [match.degraded_frame for match in matches] == [20, 40, 85, 105]
    assert [match.reference_frame for match in matches] == [9, 29, 69, 89]
    np.testing.assert_allclose([match.fvnsim.mean() for match in matches], 1)


def test_a_patch_that_the_degraded_signal_lacks_is_lost() -> None:
    profile = np.random.default_rng(4).uniform(0, 40, (SETTINGS.bands, 1))
    reference = np.concatenate([np.tile(profile, 29), np.tile(40 - profile, 20)], axis=1)
    # Its peaks are everywhere where the second patch has valleys, so that patch is better left out.
    degraded = np.tile(profile, 40)
    first, second = match_patches(SpectrogramPair(reference, degraded), [9, 29], SETTINGS)
    assert not first.lost
    assert first.fvnsim.mean() == pytest.approx(1)
    assert second.lost
    assert not second.fvnsim.any()
    assert second.degraded_frame == first.degraded_frame


def test_patches_beyond_the_end_of_the_degraded_signal_are_left_out() -> None:
    reference = texture(200)
    matches = match_patches(SpectrogramPair(reference, reference[:, :60]), [9, 49, 69, 89, 109], SETTINGS)
    assert [match.reference_frame for match in matches] == [9, 49, 69]


def test_a_patch_further_away_than_the_search_radius_is_not_found() -> None:
    reference = texture(30)
    patch = reference[:, 9 : 9 + LENGTH]
    for distance, expected in ((1100, True), (1300, False)):
        degraded = np.concatenate([texture(9 + distance, 1), patch, texture(200, 2)], axis=1)
        (match,) = match_patches(SpectrogramPair(reference, degraded), [9], SETTINGS)
        assert (match.degraded_frame == 9 + distance) is expected
