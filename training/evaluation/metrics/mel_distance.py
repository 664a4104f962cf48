"""Distance of mel spectrograms at several resolutions."""

import torch

from training.evaluation.metrics.metric import SPEECH_RATE, Measure, Metric, Pair
from training.spectra import LogMel, Magnitudes

# Not the scales of the loss: scores have to stay comparable when the loss changes.
MEL_SCALES = ((128, 10), (256, 20), (512, 40), (1024, 80), (2048, 128))
"""Window in samples at 16 kHz (8 to 128 ms; other rates in proportion), and mel bands."""


def mel_distance() -> Metric:
    """Mean absolute difference of log10 mel magnitudes over five resolutions."""
    return Metric(
        name="mel_distance_log10",
        title="mel distance",
        better="lower",
        about="mean absolute difference of log10 mel magnitudes, floor 1e-4, windows 8, 16, 32, 64, 128 ms "
        "with 10, 20, 40, 80, 128 bands, hop a quarter; the form of Kumar et al. 2023, section 3.4",
        prepare=_prepare,
    )


def scaled_window(window: int, sample_rate: int) -> int:
    """Samples at a rate that last as long as `window` samples at 16 kHz, a multiple of four."""
    return 4 * round(window * sample_rate / SPEECH_RATE / 4)


def _prepare() -> Measure:
    made: dict[int, list[tuple[Magnitudes, LogMel]]] = {}

    @torch.no_grad()
    def measure(pair: Pair) -> float:
        rate = pair.sample_rate
        if rate not in made:
            made[rate] = [
                (Magnitudes(n_fft), LogMel(n_fft, bands, rate))
                for n_fft, bands in ((scaled_window(window, rate), bands) for window, bands in MEL_SCALES)
            ]
        signals = [torch.from_numpy(x).unsqueeze(0) for x in (pair.reference, pair.coded)]
        distances = []
        for magnitudes, mel in made[rate]:
            reference, coded = (mel(magnitudes(magnitudes.spectra(x))) for x in signals)
            distances.append(float((reference - coded).abs().mean()))
        return sum(distances) / len(distances)

    return measure
