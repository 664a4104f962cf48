import numpy as np
import pytest
from scipy.ndimage import correlate

from training.visqol.nsim import CENTRE, CORNER, EDGE, band_similarity, local_statistics
from training.visqol.settings import Floats

KERNEL = np.array([[CORNER, EDGE, CORNER], [EDGE, CENTRE, EDGE], [CORNER, EDGE, CORNER]])


def by_definition(reference: Floats, degraded: Floats) -> Floats:
    """Similarity by band of one patch and one other, term by term."""

    def smooth(image: Floats) -> Floats:
        return np.asarray(correlate(image, KERNEL, mode="nearest"))

    mean_r, mean_d = smooth(reference), smooth(degraded)
    variance_r = smooth(reference**2) - mean_r**2
    variance_d = smooth(degraded**2) - mean_d**2
    covariance = smooth(reference * degraded) - mean_r * mean_d
    product = variance_r * variance_d
    root = np.where(product < 0, 0, np.sqrt(np.abs(product)))
    intensity = (2 * mean_r * mean_d + 1e-4) / (mean_r**2 + mean_d**2 + 1e-4)
    structure = (covariance + 4.5e-4) / (root + 4.5e-4)
    return np.asarray((intensity * structure).mean(axis=1))


@pytest.fixture
def patches() -> Floats:
    """Twelve patches as a spectrogram gives them, `[band, frame, patch]`."""
    return np.random.default_rng(3).uniform(0, 45, (21, 20, 12))


def test_equals_the_definition_for_every_pair(patches: Floats) -> None:
    reference = local_statistics(patches[:, :, :1])
    many = band_similarity(reference, local_statistics(patches))
    for index in range(patches.shape[2]):
        expected = by_definition(patches[:, :, 0], patches[:, :, index])
        np.testing.assert_allclose(many[:, index], expected, rtol=1e-9)


def test_a_patch_is_fully_similar_to_itself_and_less_to_others(patches: Floats) -> None:
    statistics = local_statistics(patches)
    similarity = band_similarity(local_statistics(patches[:, :, 4:5]), statistics).mean(axis=0)
    assert similarity[4] == pytest.approx(1)
    assert np.delete(similarity, 4).max() < 0.5


def test_flat_patches_differ_by_level_alone() -> None:
    loud, quiet = (local_statistics(np.full((21, 20, 1), level)) for level in (30.0, 10.0))
    np.testing.assert_allclose(band_similarity(loud, loud), 1, rtol=1e-6)
    np.testing.assert_allclose(band_similarity(loud, quiet), 600 / 1000, rtol=1e-6)


def test_silence_is_similar_to_silence() -> None:
    silence = local_statistics(np.zeros((32, 30, 1)))
    np.testing.assert_array_equal(band_similarity(silence, silence), 1)
