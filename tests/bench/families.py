"""Every preset: size, work, speed, latency, memory, and how far codes depend on batches and streams.

    python -m tests.bench.families                                     all of them; about a quarter of an hour
    python -m tests.bench.families encodec_16k stream_16k --memory-minutes 60
    python -m tests.bench.families --memory-minutes 0                  without the memory column

One thread on one core, float32, real speech. The default model is the shipped one; the others have random
weights, and codebooks made of the residuals of speech, so that decisions are as close as a trained model's.

parameters  "=": as many as derived from the paper; else the difference.
G MAC/s     multiply-accumulates for a second of audio with 8 codebooks (`codec.figures`).
paper       its "FLOPs": encoder and decoder without search, transposed convolutions at their uncut output,
            which counts each about stride times; FreqCodec's for a lone second (101 spectra, 257 bins).
            Counted that way, ours are the same (tests/codec/test_figures.py).
batch       codes of items that differ between ragged batches of four and the item alone.
stream      codes that differ between steps of one frame and the whole.
memory      how much a process grows that encodes one file: when half of it was coded, and at the end.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from codec.checkpoint import LoadedCodec, open_codec
from codec.commands.options import DEFAULT_MODEL
from codec.config import presets
from codec.figures import Figures, figures_of
from codec.model_config import ModelConfig, load_model_config
from codec.quantizer import ABSENT
from codec.seanet_config import SeanetCodecConfig
from tests.bench.memory import measure
from tests.bench.models import publish_random
from tests.bench.options import make_parser
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.tables import show, table
from tests.codec.test_seanet import PARAMETERS

COLUMNS = (
    "preset",
    "parameters",
    "derived",
    "G MAC/s encode",
    "decode",
    "paper, both",
    "encode x real time",
    "decode x real time",
    "latency",
    "streams",
    "batch",
    "stream",
    "memory, MB",
)
PAPER_G = {
    "encodec_16k": 3.72,
    "encodec_16k_ds640": 7.73,
    "freqcodec_mag_angle": 6.39,
    "freqcodec_mag_phase": 6.47,
    "freqcodec_m4": 1.73,
    "freqcodec_m5": 2.18,
    "freqcodec_m6": 0.34,
    "freqcodec_m7": 1.03,
}
ITEMS = 4
N_Q = 8


@dataclass(frozen=True, slots=True)
class Lengths:
    """How much is coded: the clip for the speed, batches for the mismatch, the file for the memory.

    `memory_minutes` None: as much as is coded in `memory_seconds`, and at most an hour.
    """

    clip_seconds: float
    batches: int
    memory_minutes: float | None
    memory_seconds: float


def speech_for(config: ModelConfig, seconds: float, skip: int = 0) -> Tensor:
    """Speech `[1, channel, sample]` at the rate and with the channels of a model."""
    signal = as_float(train_speech(seconds, skip=skip))
    if config.sample_rate != RATE:
        signal = soxr.resample(signal, RATE, config.sample_rate)
    return torch.from_numpy(signal).expand(1, config.channels, -1)


def labels_of(config: ModelConfig, samples: int) -> Tensor | None:
    """Random labels of an item where the model has a semantic stream."""
    if not isinstance(config, SeanetCodecConfig) or config.semantic is None:
        return None
    return torch.randint(config.semantic.labels, (1, config.labels_for(samples)))


def batch_mismatch(loaded: LoadedCodec, lengths: Lengths) -> str:
    """Codes of ragged batches that differ from those of the items alone."""
    codec, config, rng = loaded.codec, loaded.codec.config, np.random.default_rng(0)
    wrong = total = 0
    for number in range(lengths.batches):
        whole = speech_for(config, ITEMS * lengths.clip_seconds, skip=10 * number)
        items = list(whole[0].split(whole.shape[-1] // ITEMS, dim=-1)[:ITEMS])
        counts = [int(items[0].shape[-1] * share) for share in (1.0, *rng.uniform(0.05, 1.0, ITEMS - 1))]
        words = [labels_of(config, count) for count in counts]
        together = codec.encode(torch.stack(items), N_Q, counts, _padded(words))
        for item, count in enumerate(counts):
            alone = codec.encode(items[item][None, :, :count], N_Q, labels=words[item]).codes[0]
            wrong += int((alone != together.codes[item, :, : alone.shape[-1]]).sum())
            total += alone.numel()
    return _rate(wrong, total)


def _padded(words: list[Tensor | None]) -> Tensor | None:
    known = [item[0] for item in words if item is not None]
    return torch.nn.utils.rnn.pad_sequence(known, batch_first=True) if known else None


def stream_mismatch(loaded: LoadedCodec, seconds: float) -> str:
    """Codes of a stream of single frames that differ from those of the whole."""
    stream, config = loaded.stream, loaded.codec.config
    if stream is None:
        return ""
    speech = speech_for(config, seconds)
    whole = loaded.codec.encode(speech, N_Q)
    padded = functional.pad(speech, (0, whole.n_frames[0] * config.hop_samples - speech.shape[-1]))
    state, pieces = stream.encoder_state(1), []
    for frame in padded.split(config.hop_samples, dim=-1):
        codes, state = stream.encode_step(frame, state, N_Q)
        pieces.append(codes)
    wrong = torch.cat(pieces, dim=-1) != whole.codes
    return _rate(int(wrong.sum()), int((whole.codes != ABSENT).sum()))


def _rate(wrong: int, total: int) -> str:
    return f"0 of {total}" if wrong == 0 else f"{wrong} of {total} ({wrong / total:.1e})"


def seconds_of(work: Callable[[], object]) -> float:
    """The shortest of three runs."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def memory(loaded: LoadedCodec, repository: Path, minutes: float) -> str:
    """Growth of a process that encodes a file of so many minutes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        hour: NDArray[np.int16] = train_speech(60 * minutes)
        soundfile.write(path, hour, RATE, subtype="PCM_16")
        grown = measure(f"{loaded.identity.model}@{loaded.identity.version}", repository, path)
    return f"{grown.half_mb:.0f} at {minutes / 2:.3g} min, {grown.whole_mb:.0f} at {minutes:.3g} min"


def row(name: str, loaded: LoadedCodec, repository: Path, lengths: Lengths) -> tuple[object, ...]:
    """One row of the table."""
    codec, config = loaded.codec, loaded.codec.config
    figures = figures_of(config)
    speech = speech_for(config, lengths.clip_seconds)
    words = labels_of(config, speech.shape[-1])
    encoded = codec.encode(speech, N_Q, labels=words)
    encoding = lengths.clip_seconds / seconds_of(lambda: codec.encode(speech, N_Q, labels=words))
    decoding = lengths.clip_seconds / seconds_of(lambda: codec.decode(encoded))
    minutes = lengths.memory_minutes
    if minutes is None:
        minutes = min(60, max(2, 2 * int(encoding * lengths.memory_seconds / 120)))
    return (
        name,
        f"{figures.parameters.total:,}",
        derived(name, figures),
        f"{float(figures.work.encoding(N_Q)) / 1e9:.3f}",
        f"{float(figures.work.decoding(N_Q)) / 1e9:.3f}",
        PAPER_G.get(name, ""),
        encoding,
        decoding,
        "whole item" if figures.latency_ms is None else f"{figures.latency_ms:g} ms",
        "yes" if figures.streamable else "no",
        batch_mismatch(loaded, lengths),
        stream_mismatch(loaded, 2 * lengths.clip_seconds),
        memory(loaded, repository, minutes) if minutes else "",
    )


def derived(name: str, figures: Figures) -> str:
    """How the parameters compare with those derived from the paper."""
    plain, with_norms = PARAMETERS.get(name, (None, None))
    total, norms = figures.parameters.total, figures.parameters.norms
    differences = [ours - theirs for ours, theirs in ((total - norms, plain), (total, with_norms)) if theirs]
    if not differences:
        return "none"
    return "=" if not any(differences) else ", ".join(f"{difference:+,}" for difference in differences)


def opened(name: str, shipped: Path, scratch: Path) -> tuple[LoadedCodec, Path]:
    """A preset as a version, and the repository that holds it."""
    config = load_model_config(name)
    if name == DEFAULT_MODEL:
        return open_codec(name, shipped), shipped
    assert isinstance(config, SeanetCodecConfig)
    return publish_random(name, config, speech_for(config, 8.0, skip=50), scratch), scratch


def main() -> None:
    """Measure the presets that were named, or all, and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="PRESET", help="default: all of them")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to run on")
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="length of the clip, and of the longest item"
    )
    parser.add_argument("--batches", type=int, default=3, help="ragged batches of four items")
    parser.add_argument(
        "--memory-minutes", type=float, help="length of the long file (default: by its speed)"
    )
    parser.add_argument(
        "--memory-seconds", type=float, default=20.0, help="time for the long file, without it"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {arguments.core})
    lengths = Lengths(
        arguments.seconds, arguments.batches, arguments.memory_minutes, arguments.memory_seconds
    )
    rows = []
    for name in arguments.names or sorted(presets()):
        with tempfile.TemporaryDirectory() as scratch:
            loaded, repository = opened(name, arguments.repository, Path(scratch))
            rows.append(row(name, loaded, repository, lengths))
        print(*rows[-1], sep=" | ", flush=True)
    show(table(f"Presets on one core, load {os.getloadavg()[0]:.1f}", COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
