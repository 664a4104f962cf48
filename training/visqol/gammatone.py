"""The ERB-spaced gammatone filterbank (Slaney, Apple technical report 35, 1993)."""

import numpy as np

from training.visqol.settings import Floats

EAR_Q = 9.26449
MIN_BANDWIDTH_HZ = 24.7


def centre_frequencies(lowest_hz: float, highest_hz: float, bands: int) -> Floats:
    """Centre frequencies in Hz, ascending: the first is `lowest_hz`, the last lies below `highest_hz`."""
    offset = EAR_Q * MIN_BANDWIDTH_HZ
    steps = np.arange(bands, 0, -1) / bands
    ratio = np.log((lowest_hz + offset) / (highest_hz + offset))
    return np.asarray((highest_hz + offset) * np.exp(steps * ratio) - offset, dtype=np.float64)


def decay_rate(centre_hz: float) -> float:
    """Rate, per second, of the exponential envelope of a band's impulse response."""
    return 2 * np.pi * 1.019 * (centre_hz / EAR_Q + MIN_BANDWIDTH_HZ)


def sections(centre_hz: float, sample_rate: int) -> Floats:
    """Second-order sections `[section, 6]` of one band, in the form of `scipy.signal.sosfilt`.

    The four sections share a pair of poles; their zeros differ. The gain is 1 at the centre frequency.
    """
    period = 1 / sample_rate
    angle = 2 * np.pi * centre_hz * period
    decay = np.exp(-decay_rate(centre_hz) * period)
    wide, narrow = np.sqrt(3 + 2**1.5), np.sqrt(3 - 2**1.5)
    slopes = np.array([wide, -wide, narrow, -narrow])
    zeros = -decay * period * (np.cos(angle) + slopes * np.sin(angle))
    rows = np.zeros((4, 6))
    rows[:, 0], rows[:, 1] = period, zeros
    rows[:, 3:] = 1, -2 * np.cos(angle) * decay, decay**2
    turn = np.exp(-1j * angle)
    response = (rows[:, 0] + rows[:, 1] * turn) / (rows[:, 3] + rows[:, 4] * turn + rows[:, 5] * turn**2)
    rows[0, :3] /= abs(np.prod(response))
    return rows
