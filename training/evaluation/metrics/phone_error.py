"""How many phones a recogniser hears differently in the coded signal than in the original."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from codec.audio import encode_audio
from codec.errors import InvalidAudioError
from training.evaluation.metrics.metric import SPEECH_RATE, Measure, Metric, Pair, Signal, require

_BEAM = 1e-20
_LANGUAGE_WEIGHT = 2.0


def phone_error_rate() -> Metric:
    """Edit distance of the phones heard in coded and original, over the phones of the original."""
    return Metric(
        name="phone_error_rate",
        title="phone error rate",
        better="lower",
        about="phone loop of pocketsphinx with its US English model, 16 kHz, against its own decode of the "
        "original, so that no transcript is needed; relative, and least telling for other languages",
        prepare=_prepare,
    )


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions that make one sequence the other (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(second, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]


def _prepare() -> Measure:
    return PhoneLoop(require("pocketsphinx", "the phone error rate", extra="phones"))


class PhoneLoop:
    """The recogniser; it remembers what it heard in the last original, whose coded versions follow."""

    def __init__(self, package: Any) -> None:
        self._decoder = package.Decoder(
            hmm=package.get_model_path("en-us/en-us"),
            allphone=package.get_model_path("en-us/en-us-phone.lm.bin"),
            lm=None,
            dict=None,
            samprate=SPEECH_RATE,
            beam=_BEAM,
            pbeam=_BEAM,
            lw=_LANGUAGE_WEIGHT,
            # Normalised by the item alone: what was heard before must not matter.
            cmn="batch",
            loglevel="FATAL",
        )
        self._reference = np.zeros(0, np.float32)
        self._reference_phones: list[str] = []

    def __call__(self, pair: Pair) -> float:
        """Share of phones that differ. Raises `InvalidAudioError` if none is heard in the original."""
        if pair.reference is not self._reference:
            self._reference_phones = self.phones(pair.at(SPEECH_RATE).reference)
            self._reference = pair.reference
        if not self._reference_phones:
            raise InvalidAudioError("no phone is heard in the original; leave it out of this metric")
        heard = self.phones(pair.at(SPEECH_RATE).coded)
        return edit_distance(self._reference_phones, heard) / len(self._reference_phones)

    def phones(self, signal: Signal) -> list[str]:
        """What is heard in `signal` `[sample]` at 16 kHz, without silence and noises."""
        # Its noise suppression would go on with what it learnt from the signal before.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(encode_audio(signal[None], SPEECH_RATE, "pcm_s16le"), full_utt=True)
        self._decoder.end_utt()
        heard = [segment.word for segment in self._decoder.seg() or ()]
        return [phone for phone in heard if phone != "SIL" and not phone.startswith("+")]
