import numpy as np
import pytest
from scipy.signal import sosfilt

from training.visqol.gammatone import centre_frequencies, decay_rate, sections


def test_centre_frequencies_of_speech_mode() -> None:
    centres_hz = centre_frequencies(50, 8000, 21)
    known_hz = [50, 98.767, 156.063, 5732.437, 6775.044]
    np.testing.assert_allclose(centres_hz[[0, 1, 2, -2, -1]], known_hz, atol=5e-4)
    assert (np.diff(centres_hz) > 0).all()


@pytest.mark.parametrize("centre_hz", [50.0, 1000.0, 6775.0])
def test_gain_is_the_published_closed_form(centre_hz: float) -> None:
    """The form in which the filter was published, evaluated as it stands."""
    period = 1 / 16000
    angle, decay = 2 * np.pi * centre_hz * period, decay_rate(centre_hz) * period
    turn = np.exp(2j * angle)
    product = 1
    for slope in (-np.sqrt(3 - 2**1.5), np.sqrt(3 - 2**1.5), -np.sqrt(3 + 2**1.5), np.sqrt(3 + 2**1.5)):
        ringing = 2 * period * np.exp(-decay + 1j * angle) * (np.cos(angle) + slope * np.sin(angle))
        product *= ringing - 2 * period * turn
    gain = abs(product / (-2 / np.exp(2 * decay) - 2 * turn + 2 * (1 + turn) / np.exp(decay)) ** 4)
    assert sections(centre_hz, 16000)[0, 0] == pytest.approx(period / gain, rel=1e-9)


@pytest.mark.parametrize("centre_hz", [200.0, 3000.0])
def test_a_tone_at_the_centre_passes_and_one_far_away_does_not(centre_hz: float) -> None:
    time = np.arange(16000) / 16000
    for tone_hz, low, high in ((centre_hz, 0.999, 1.001), (2 * centre_hz, 0, 0.02)):
        settled = sosfilt(sections(centre_hz, 16000), np.sin(2 * np.pi * tone_hz * time))[8000:]
        assert low < np.abs(settled).max() < high
