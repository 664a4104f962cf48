"""A whole probe, from a model's name to a table of error rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from codec.checkpoint import LoadedCodec, open_codec
from codec.commands.options import DEFAULT_N_Q
from codec.errors import InvalidRequestError
from training.evaluation.clips import Clip, find_clips
from training.evaluation.interval import bootstrap_mean
from training.probe.corpus import Corpus, Preparation
from training.probe.learning import Labelled, Learning, error_rate, learn
from training.probe.phones import CLASSES
from training.probe.recogniser import IndexInput, Recogniser, VectorInput
from training.probe.report import ProbeReport, Result, write_report
from training.probe.utterance import INPUTS, InputName, Utterance

HELD_OUT_SHARE = 0.1
_FEWEST_RECORDINGS = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What to probe, as `codecd probe --help` says. `n_q`: None for 8, or all where there are fewer."""

    model: str
    repository: Path
    data: Path
    test: Path
    learning: Learning
    out: Path | None = None
    labels: Path | None = None
    n_q: int | None = None
    select: tuple[str, ...] = ()
    every: int = 1


@dataclass(frozen=True, slots=True)
class _Parts:
    """Recordings by what they are for."""

    train: tuple[Utterance, ...]
    held_out: tuple[Utterance, ...]
    test: tuple[Utterance, ...]


def probe(request: Request) -> ProbeReport:
    """Train a recogniser on every input, judge each on the test recordings, and report.

    Raises `InvalidRequestError` for too few recordings, and for one that is in both sets; `ConfigError`
    without pocketsphinx where it is needed; and what `open_codec` and `find_clips` raise. Recordings that
    cannot be used are in the report.
    """
    loaded = open_codec(request.model, request.repository)
    codebooks = loaded.codec.config.quantizer.codebooks
    n_q = min(DEFAULT_N_Q, codebooks) if request.n_q is None else request.n_q
    clips = find_clips(request.data, request.select, request.every)
    test_clips = find_clips(request.test, request.select)
    _check_apart(clips, test_clips)
    preparation = Preparation(loaded, n_q, request.labels)
    data = preparation.corpus(clips, "preparing data")
    test = preparation.corpus(test_clips, "preparing test")
    report = _report(request, loaded, n_q, data, test)
    if request.out:
        write_report(report, request.out)
    return report


def _report(request: Request, loaded: LoadedCodec, n_q: int, data: Corpus, test: Corpus) -> ProbeReport:
    parts = _divide(data, test, request.learning.seed)
    every = [f"one in {request.every}"] if request.every > 1 else []
    return ProbeReport(
        model=loaded.identity.model,
        version=loaded.identity.version,
        n_q=n_q,
        bitrate_bps=float(loaded.token_format.bitrate_bps(n_q)),
        frame_rate_hz=float(loaded.codec.config.frame_rate),
        data=request.data.name,
        test=request.test.name,
        selection=", ".join((*request.select, *every)),
        train_recordings=len(parts.train),
        held_out_recordings=len(parts.held_out),
        test_recordings=len(parts.test),
        data_seconds=data.seconds,
        test_seconds=test.seconds,
        seed=request.learning.seed,
        chance=bootstrap_mean(_chance(parts)),
        results=_results(parts, loaded, request.learning),
        skipped=(*data.skipped, *test.skipped),
    )


def _check_apart(clips: Sequence[Clip], test_clips: Sequence[Clip]) -> None:
    both = {clip.path.resolve() for clip in clips} & {clip.path.resolve() for clip in test_clips}
    if both:
        raise InvalidRequestError(
            f"{len(both)} recordings are in both sets, as {min(both).name}; test on others"
        )


def _divide(data: Corpus, test: Corpus, seed: int) -> _Parts:
    """Hold out whole recordings, drawn by the seed."""
    if len(data.utterances) < _FEWEST_RECORDINGS:
        raise InvalidRequestError("one recording to learn from is too few: one more must be held out")
    order = torch.randperm(len(data.utterances), generator=torch.Generator().manual_seed(seed)).tolist()
    held = set(order[: max(1, round(HELD_OUT_SHARE * len(order)))])
    return _Parts(
        tuple(item for index, item in enumerate(data.utterances) if index not in held),
        tuple(data.utterances[index] for index in sorted(held)),
        test.utterances,
    )


def _chance(parts: _Parts) -> list[float]:
    """Error rates of whoever always says the phone that is commonest in training."""
    counts = torch.bincount(torch.cat([item.classes for item in parts.train]), minlength=len(CLASSES))
    commonest = 1 + int(counts[1:].argmax())
    phones = [item.classes[item.classes > 0] for item in parts.test]
    return [float((item != commonest).double().mean()) for item in phones]


def _results(parts: _Parts, loaded: LoadedCodec, learning: Learning) -> tuple[Result, ...]:
    """One for each input, compared with the first, log-mel, recording by recording."""
    results: list[Result] = []
    for name in tqdm(INPUTS, desc="training", unit="input"):
        train, held_out, test = (
            [Labelled(item.inputs[name], item.classes) for item in part]
            for part in (parts.train, parts.held_out, parts.test)
        )
        recogniser = _recogniser(name, [item.frames for item in train], loaded, learning.seed)
        learnt = learn(recogniser, train, held_out, learning)
        rates = [error_rate(recogniser, item) for item in test]
        reference = list(results[0].rates.values()) if results else rates
        results.append(
            Result(
                input=name,
                numbers=train[0].frames.shape[1],
                parameters=sum(weight.numel() for weight in recogniser.parameters()),
                epochs=learnt.epochs,
                seconds=learnt.seconds,
                held_out_error=learnt.held_out_error,
                error=bootstrap_mean(rates),
                difference=bootstrap_mean([a - b for a, b in zip(rates, reference, strict=True)]),
                rates=dict(zip([item.name for item in parts.test], rates, strict=True)),
            )
        )
    return tuple(results)


def _recogniser(name: InputName, frames: Sequence[Tensor], loaded: LoadedCodec, seed: int) -> Recogniser:
    """An untrained one for an input; the layers that all share start alike."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        first: VectorInput | IndexInput
        if name == "code indices":
            first = IndexInput(frames[0].shape[1], loaded.codec.config.quantizer.codebook_size)
        else:
            first = VectorInput(torch.cat(list(frames)))
        torch.manual_seed(seed + 1)
        return Recogniser(first, len(CLASSES))
