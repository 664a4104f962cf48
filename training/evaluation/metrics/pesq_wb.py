"""Wide-band PESQ."""

from codec.errors import InvalidAudioError
from training.evaluation.metrics.metric import SPEECH_RATE, Measure, Metric, Pair, require


def pesq_wb() -> Metric:
    """Wide-band PESQ at 16 kHz."""
    return Metric(
        name="pesq_wb",
        title="PESQ-wb",
        better="higher",
        about="ITU-T P.862.2 by the package pesq, 1.04..4.64, at 16 kHz",
        prepare=_prepare,
    )


def _prepare() -> Measure:
    package = require("pesq", "PESQ")

    def measure(pair: Pair) -> float:
        pair = pair.at(SPEECH_RATE)
        try:
            return float(package.pesq(SPEECH_RATE, pair.reference, pair.coded, "wb"))
        except package.PesqError as error:
            raise InvalidAudioError(
                f"PESQ gives no score ({type(error).__name__}: {error}); check that both hold speech"
            ) from error

    return measure
