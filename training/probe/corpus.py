"""The recordings of a probe, made ready: inputs and classes, read or recognised."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from codec.audio import read_audio
from codec.checkpoint import LoadedCodec
from codec.errors import CodecError, InvalidAudioError, InvalidRequestError
from training.evaluation.clips import Clip
from training.evaluation.metrics.metric import SPEECH_RATE
from training.probe.phones import PhoneAligner, read_classes, write_phones
from training.probe.utterance import InputMaker, Utterance


@dataclass(frozen=True, slots=True)
class Skipped:
    """A recording that could not be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Corpus:
    """Utterances in the order of the clips, and those that are missing."""

    utterances: tuple[Utterance, ...]
    skipped: tuple[Skipped, ...]
    seconds: float


class Preparation:
    """Makes corpora for a model. `labels`: folder of `.lab` files by the names of the recordings.

    What has no file there is recognised and written there, so that it is recognised once; without a folder
    it is forgotten at the end.
    """

    def __init__(self, loaded: LoadedCodec, n_q: int, labels: Path | None) -> None:
        self._config = loaded.codec.config
        self._inputs = InputMaker(loaded.codec, n_q)
        self._labels = labels
        self._aligner: PhoneAligner | None = None

    def corpus(self, clips: Sequence[Clip], title: str) -> Corpus:
        """What of `clips` can be used. Raises `InvalidRequestError` if nothing can."""
        utterances: list[Utterance] = []
        skipped: list[Skipped] = []
        seconds = 0.0
        with ExitStack() as stack:
            folder = self._labels or Path(stack.enter_context(tempfile.TemporaryDirectory("-codecd-probe")))
            for clip in tqdm(clips, desc=title, unit="recording"):
                try:
                    utterance = self._utterance(clip, _label_path(folder, clip))
                except (CodecError, OSError) as error:
                    skipped.append(Skipped(clip.name, str(error)))
                    continue
                utterances.append(utterance)
                seconds += len(utterance.classes) * self._config.hop_samples / self._config.sample_rate
        if not utterances:
            raise InvalidRequestError(
                f"none of the {len(clips)} recordings can be used; the first is {skipped[0].name}: "
                f"{skipped[0].reason}"
            )
        return Corpus(tuple(utterances), tuple(skipped), seconds)

    def _utterance(self, clip: Clip, label_path: Path) -> Utterance:
        config = self._config
        samples = read_audio(clip.path, config.sample_rate, channels=config.channels).samples
        if not label_path.exists():
            self._recognise(clip, label_path)
        classes = read_classes(label_path, samples.shape[1], config.sample_rate, config.hop_samples)
        if not classes.any():
            raise InvalidAudioError("its labels hold no phone; leave it out of the probe")
        return Utterance(clip.name, torch.from_numpy(classes.astype("int64")), self._inputs(samples))

    def _recognise(self, clip: Clip, label_path: Path) -> None:
        if self._aligner is None:
            self._aligner = PhoneAligner()
        signal = read_audio(clip.path, SPEECH_RATE).samples[0]
        write_phones(self._aligner.intervals(signal), label_path)


def _label_path(folder: Path, clip: Clip) -> Path:
    """Where a recording's labels are: below `folder`, even if its name points elsewhere."""
    name = Path(clip.name)
    return folder.joinpath(*(part for part in name.parts if part not in (name.anchor, ".."))).with_suffix(
        ".lab"
    )
