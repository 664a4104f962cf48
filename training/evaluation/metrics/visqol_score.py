"""ViSQOL: similarity of spectrograms, mapped to an opinion score of 1 to 5."""

from functools import partial
from pathlib import Path

from training.evaluation.metrics.metric import SPEECH_RATE, Measure, Metric, Pair, require
from training.visqol.settings import Generation


def visqol_speech(generation: Generation) -> Metric:
    """ViSQOL in speech mode, mapped by the scaled exponential, at 16 kHz."""
    return Metric(
        name=f"visqol_speech_exponential_{generation}",
        title=f"ViSQOL speech, exponential scaled, {generation}",
        better="higher",
        about="own implementation, 1..5 (Chinen et al. 2020, speech mode at 16 kHz, scaled exponential "
        f"mapping, generation {generation})",
        prepare=partial(_speech, generation),
    )


def visqol_audio(generation: Generation, svr_model: Path | None) -> Metric:
    """ViSQOL in audio mode, mapped by support vector regression, at the rate of the model under test.

    `svr_model`: the regression's file, None for the one of the package `visqol-python`.
    """
    return Metric(
        name=f"visqol_audio_svr_{generation}",
        title=f"ViSQOL audio, SVR, {generation}",
        better="higher",
        about="own implementation, 1..5 (Chinen et al. 2020, audio mode at the model's rate, support vector "
        f"regression, generation {generation}); made for 48 kHz, here for comparison with published tables",
        prepare=partial(_audio, generation, svr_model),
    )


def _speech(generation: Generation) -> Measure:
    require("scipy", "ViSQOL")
    from training.visqol import visqol

    def measure(pair: Pair) -> float:
        pair = pair.at(SPEECH_RATE)
        return visqol(pair.reference, pair.coded, pair.sample_rate, "speech", generation).mos

    return measure


def _audio(generation: Generation, svr_model: Path | None) -> Measure:
    require("scipy", "ViSQOL")
    from training.visqol import visqol
    from training.visqol.svr import installed_model, load_svr

    model = svr_model or installed_model()
    load_svr(model)

    def measure(pair: Pair) -> float:
        return visqol(pair.reference, pair.coded, pair.sample_rate, "audio", generation, svr_model=model).mos

    return measure
