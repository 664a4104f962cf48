"""Distance of magnitude spectrograms at several resolutions."""

import torch

from codec.errors import InvalidAudioError
from training.evaluation.metrics.mel_distance import scaled_window
from training.evaluation.metrics.metric import Measure, Metric, Pair
from training.spectra import Magnitudes

STFT_WINDOWS = (512, 1024, 2048)
"""Window in samples at 16 kHz (32, 64, 128 ms; other rates in proportion); hop a quarter."""


def stft_distance() -> Metric:
    """Spectral convergence plus log-magnitude distance, mean over three resolutions."""
    return Metric(
        name="multi_scale_stft_distance",
        title="STFT distance",
        better="lower",
        about="spectral convergence + mean absolute difference of natural log magnitudes, mean over windows "
        "of 32, 64, 128 ms, hop a quarter (Yamamoto et al. 2020, eq. 4 to 6)",
        prepare=_prepare,
    )


def _prepare() -> Measure:
    made: dict[int, list[Magnitudes]] = {}

    @torch.no_grad()
    def measure(pair: Pair) -> float:
        if not pair.reference.any():
            raise InvalidAudioError("spectral convergence has no meaning for a silent original; leave it out")
        rate = pair.sample_rate
        if rate not in made:
            made[rate] = [Magnitudes(scaled_window(window, rate)) for window in STFT_WINDOWS]
        signals = [torch.from_numpy(x).unsqueeze(0) for x in (pair.reference, pair.coded)]
        distances = []
        for magnitudes in made[rate]:
            reference, coded = (magnitudes(magnitudes.spectra(x)) for x in signals)
            convergence = (reference - coded).norm() / reference.norm()
            distances.append(float(convergence + (reference.log() - coded.log()).abs().mean()))
        return sum(distances) / len(distances)

    return measure
