"""Root-mean-square output of every gammatone band for many short frames, without filtering them one by one.

A frame is filtered from rest and its output is measured over the length of the frame only. By Parseval the
energy of the whole output, ringing included, is a weighted sum over the frame's power spectrum; what rings
on after the end of the frame is then taken off. A band has eight poles, so the ringing is a function of
eight projections of the frame. Both parts are matrix products; up to rounding the result is that of the
filters.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import sosfilt

from training.visqol.gammatone import centre_frequencies, decay_rate, sections
from training.visqol.settings import LOWEST_HZ, Floats, Settings

POLES = 8
# Impulse responses have fallen below double precision by then: the slowest band loses 190 nepers a second.
RINGING_FRAMES = 4
FRAMES_AT_ONCE = 128


@dataclass(frozen=True)
class FrameEnergy:
    """The filterbank for frames of one length at one rate; make it with `frame_energy_of`."""

    window: Floats
    spectral_weights: Floats
    """`[bin, band]`: energy of a band's whole output per unit of the frame's power spectrum."""
    ringing: Floats
    """`[sample, band * 8]`: the projections whose energy is that of a band's output after the frame."""

    @property
    def bands(self) -> int:
        """Number of bands."""
        return int(self.spectral_weights.shape[1])

    def spectrogram(self, signal: Floats, hop_samples: int) -> Floats:
        """Root-mean-square output `[band, frame]` of the frames of `signal` `[sample]` that fit in it."""
        frames = sliding_window_view(signal, len(self.window))[::hop_samples]
        blocks = [frames[at : at + FRAMES_AT_ONCE] for at in range(0, len(frames), FRAMES_AT_ONCE)]
        mean_squares = np.concatenate([self._mean_squares(block) for block in blocks])
        return np.asarray(np.sqrt(mean_squares.T), dtype=np.float64)

    def _mean_squares(self, frames: Floats) -> Floats:
        """Mean squared output `[frame, band]` over each of `frames` `[frame, sample]`."""
        tapered = frames * self.window
        spectra = rfft(tapered, 2 * (len(self.spectral_weights) - 1))
        whole = (spectra.real**2 + spectra.imag**2) @ self.spectral_weights
        after = (tapered @ self.ringing).reshape(len(frames), self.bands, POLES)
        # Rounding may leave a little less than nothing.
        energy = np.maximum(whole - np.sum(after**2, axis=2), 0)
        return np.asarray(energy / len(self.window), dtype=np.float64)


@lru_cache(maxsize=8)
def frame_energy_of(settings: Settings) -> FrameEnergy:
    """The filterbank of a mode, generation and sample rate; made once, as that takes a moment."""
    n, rate = settings.frame_samples, settings.sample_rate
    centres_hz = centre_frequencies(LOWEST_HZ, settings.highest_hz, settings.bands)
    return FrameEnergy(
        window=np.hanning(n) if settings.windowed else np.ones(n),
        spectral_weights=np.stack([_spectral_weights(centre, rate, n) for centre in centres_hz], axis=1),
        ringing=np.concatenate([_ringing(centre, rate, n) for centre in centres_hz], axis=1),
    )


def _spectral_weights(centre_hz: float, sample_rate: int, n: int) -> Floats:
    """Weights `[bin]` that turn the power spectrum of `n` samples into the energy of the band's whole output.

    They are the spectrum of the impulse response's autocorrelation, cut to the lags that `n` samples have: so
    the transform need only be twice as long as the frame, and nothing wraps around.
    """
    impulse = np.zeros(RINGING_FRAMES * n)
    impulse[0] = 1
    response = sosfilt(sections(centre_hz, sample_rate), impulse)
    long = next_fast_len(len(response) + n, real=True)
    autocorrelation = irfft(np.abs(rfft(response, long)) ** 2, long)[:n]
    size = 2 * next_fast_len(n, real=True)
    circular = np.zeros(size)
    circular[:n] = autocorrelation
    circular[size - n + 1 :] = autocorrelation[:0:-1]
    weights = rfft(circular).real
    # The transform of a real signal has each frequency twice, but for the first and the last.
    weights[1:-1] *= 2
    return np.asarray(weights / size, dtype=np.float64)


def _ringing(centre_hz: float, sample_rate: int, n: int) -> Floats:
    """Projections `[sample, 8]` of a frame of `n` samples with the energy of the band's output after it."""
    seconds = np.arange(n, 0, -1)[:, None] / sample_rate
    decayed = decay_rate(centre_hz) * seconds
    angle = 2 * np.pi * centre_hz * seconds
    envelopes = decayed ** np.arange(POLES // 2) * np.exp(-decayed)
    # Only what a frame has in common with the (time-reversed) modes of the filter can ring on.
    modes, _ = np.linalg.qr(np.concatenate([envelopes * np.cos(angle), envelopes * np.sin(angle)], axis=1))
    rest = np.zeros((RINGING_FRAMES * n, POLES))
    after = sosfilt(sections(centre_hz, sample_rate), np.concatenate([modes, rest]), axis=0)[n:]
    _, triangle = np.linalg.qr(after)
    return np.asarray(modes @ triangle.T, dtype=np.float64)
