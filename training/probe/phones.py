"""Which phone sounds when: recognised by pocketsphinx in the original, or read from a label file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec.atomic import replacing
from codec.audio import encode_audio
from codec.errors import InvalidAudioError
from codec.seanet_config import SemanticConfig
from codec.semantic_labels import read_labels
from codec.side import Labels
from training.evaluation.metrics.metric import SPEECH_RATE, Signal, require

SILENCE = "SIL"
PHONES = (
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH"),
    *("IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V"),
    *("W", "Y", "Z", "ZH"),
)
"""The phones of American English as the CMU pronouncing dictionary writes them (ARPAbet)."""

CLASSES = (SILENCE, *PHONES)
"""What the recogniser tells apart; class 0 is everything that is no phone."""

_PAUSES = (SILENCE, "sil", "sp", "spn", "pau", "<sil>")
_STRESSES = ("", "0", "1", "2")
VOCABULARY = dict.fromkeys(_PAUSES, 0) | {
    phone + stress: CLASSES.index(phone) for phone in PHONES for stress in _STRESSES
}
"""Class by name in a label file; aligners mark the stress of vowels by a digit."""

_FRAME_S = 0.01
_INNER_EDGE_S = (410 - 160) / 2 / SPEECH_RATE
"""Frames of the recogniser are 410 samples, 160 apart: it is there that two of them meet."""
_MOST_MODELS = 8_000
"""Phone models that a frame may keep alive; more took longer and recognised nothing better."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of one phone, or of `SILENCE`."""

    start_s: float
    end_s: float
    phone: str


class PhoneAligner:
    """Recognises words with a general English language model, then aligns their phones.

    On three clips of known words it got 12 % of the phones wrong, and a loop of phones, which takes a third
    of the time, 56 % (both against the pronouncing dictionary). Raises `ConfigError` without pocketsphinx.
    """

    def __init__(self) -> None:
        package = require("pocketsphinx", "the probe", extra="phones")
        self._decoder: Any = package.Decoder(
            samprate=SPEECH_RATE,
            maxhmmpf=_MOST_MODELS,
            fwdflat=False,
            # Normalised by the item alone: what was heard before must not matter.
            cmn="batch",
            loglevel="FATAL",
        )
        self._words: str = self._decoder.current_search()

    def intervals(self, signal: Signal) -> tuple[Interval, ...]:
        """The phones of `signal` `[sample]` at 16 kHz, without gaps.

        Raises `InvalidAudioError` where no words are recognised.
        """
        raw = encode_audio(signal[None], SPEECH_RATE, "pcm_s16le")
        self._decoder.activate_search(self._words)
        self._hear(raw)
        if not self._decoder.hyp() or not self._decoder.hyp().hypstr:
            raise InvalidAudioError("no word is recognised in it; leave it out of the probe")
        self._decoder.set_alignment()
        self._hear(raw)
        aligned = self._decoder.get_alignment()
        if aligned is None:
            raise InvalidAudioError("its words cannot be aligned; leave it out of the probe")
        spans = [(phone.start, phone.name) for word in aligned for phone in word]
        edges = [0.0, *(start * _FRAME_S + _INNER_EDGE_S for start, _ in spans[1:])]
        ends = [*edges[1:], len(signal) / SPEECH_RATE]
        names = [name if name in PHONES else SILENCE for _, name in spans]
        return tuple(Interval(*row) for row in zip(edges, ends, names, strict=True))

    def _hear(self, raw: bytes) -> None:
        # Its noise suppression would go on with what it learnt from the recording before.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(raw, full_utt=True)
        self._decoder.end_utt()


def write_phones(intervals: Sequence[Interval], path: Path) -> None:
    """Write a `.lab` file: `start end phone` in seconds, an interval a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{item.start_s:.4f} {item.end_s:.4f} {item.phone}\n" for item in intervals]
    with replacing(path) as draft:
        draft.write_text("".join(lines), encoding="utf-8")


def read_classes(path: Path, n_samples: int, sample_rate: int, hop_samples: int) -> Labels:
    """Class uint16 `[frame]` at the middle of every frame, from a `.lab` file.

    Raises `InvalidRequestError` for a file that does not hold English phones of all of the recording.
    """
    stream = SemanticConfig(combine="addition", labels=len(CLASSES), hop_samples=hop_samples)
    return read_labels(path, stream, n_samples, sample_rate, VOCABULARY)
