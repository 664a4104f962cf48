"""Codecs of other packages beside ours, in one run on one core: speed both ways, size, and streaming.

    python -m tests.bench.peers --core 0

One thread, batch 1, float32, real speech resampled to the rate of each model. The repeats of all
measurements take turns, so that whatever else happens on the machine happens to all; reported are medians.
All but stream_16k have random weights, which take the same time. A package that is missing leaves its row
with the reason. Some ask for old versions of what this project needs, so they belong into an environment of
their own that also sees this one's packages:

    python -m venv peers
    echo $PWD/.venv/lib/python3.11/site-packages > peers/lib/python3.11/site-packages/base.pth
    peers/bin/pip install --no-deps encodec==0.1.1 einops snac==1.2.1 transformers==5.23.0
    peers/bin/pip install --no-deps descript-audio-codec==1.0.0 descript-audiotools==0.7.2
    peers/bin/pip install --no-deps ...      (whatever `import dac` and `import transformers` then ask for)
    peers/bin/python -m tests.bench.peers
"""

import importlib
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from torch import Tensor, nn

from codec.checkpoint import LoadedCodec, open_codec
from codec.figures import figures_of
from codec.model_config import load_model_config
from codec.seanet_config import SeanetCodecConfig
from tests.bench.models import publish_random
from tests.bench.options import make_parser
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.speed import Case, measure
from tests.bench.tables import show, table

COLUMNS = (
    "model",
    "parameters",
    "kHz",
    "kbit/s",
    "encode x real time",
    "decode x real time",
    "spread of repeats",
    "streams",
)
OURS = ("encodec_16k", "encodec_24k", "dac_16k")


@dataclass(frozen=True, slots=True)
class Peer:
    """A model that is ready: what it does to a clip, and what is to be said of it."""

    name: str
    parameters: int
    sample_rate: int
    kbps: float
    streams: str
    encode: Callable[[], object]
    decode: Callable[[], object]


def count(model: nn.Module) -> int:
    """Numbers that training learns by gradients."""
    return sum(parameter.numel() for parameter in model.parameters())


def clip(sample_rate: int, seconds: float) -> Tensor:
    """Speech `[1, 1, sample]`."""
    signal = as_float(train_speech(seconds))
    if sample_rate != RATE:
        signal = soxr.resample(signal, RATE, sample_rate)
    return torch.from_numpy(signal)[None, None]


def ours(loaded: LoadedCodec, n_q: int, seconds: float) -> Peer:
    """A model of this project, whole items."""
    codec, config = loaded.codec, loaded.codec.config
    audio = clip(config.sample_rate, seconds)
    return Peer(
        f"ours: {loaded.identity.model}",
        figures_of(config).parameters.total,
        config.sample_rate,
        float(config.bitrate_bps(n_q)) / 1000,
        f"yes, {config.latency_ms:g} ms" if config.streamable else "no",
        partial(codec.encode, audio, n_q),
        partial(codec.decode, codec.encode(audio, n_q)),
    )


def encodec_24k(seconds: float) -> Peer:
    """`encodec`, at 6 kbit/s; codebooks are drawn, since fresh ones are zeros."""
    package: Any = importlib.import_module("encodec")
    model = package.EncodecModel.encodec_model_24khz(pretrained=False).eval()
    model.set_target_bandwidth(6.0)
    for name, buffer in model.quantizer.named_buffers():
        if name.endswith("_codebook.embed"):
            buffer.normal_()
    audio = clip(24_000, seconds)
    encode = partial(model.encode, audio)
    return Peer(
        _named("encodec", "24 kHz"),
        count(model),
        24_000,
        6.0,
        "causal, but keeps no state",
        encode,
        partial(model.decode, encode()),
    )


def mimi(seconds: float) -> Peer:
    """`transformers`' Mimi at the 8 codebooks of its speech models."""
    package: Any = importlib.import_module("transformers")
    model = package.MimiModel(package.MimiConfig()).eval()
    audio = clip(24_000, seconds)
    encode = partial(model.encode, audio, num_quantizers=8)
    codes = encode().audio_codes
    kbps = 12.5 * 8 * 11 / 1000
    return Peer(
        _named("transformers", "Mimi"),
        count(model),
        24_000,
        kbps,
        "yes, frames of 80 ms",
        encode,
        partial(model.decode, codes),
    )


def dac_16k(seconds: float) -> Peer:
    """`descript-audio-codec` in the shape of its 16 kHz model."""
    package: Any = importlib.import_module("dac")
    model = package.DAC(
        encoder_rates=[2, 4, 5, 8], decoder_rates=[8, 5, 4, 2], n_codebooks=12, sample_rate=16_000
    ).eval()
    audio = clip(16_000, seconds)

    def encode() -> Any:
        return model.encode(model.preprocess(audio, 16_000))

    codes = encode()[1]

    def decode() -> Any:
        return model.decode(model.quantizer.from_codes(codes)[0])

    return Peer(_named("descript-audio-codec", "16 kHz"), count(model), 16_000, 6.0, "no", encode, decode)


def snac_24k(seconds: float) -> Peer:
    """`snac` in the shape of its 24 kHz model."""
    package: Any = importlib.import_module("snac")
    model = package.SNAC(
        sampling_rate=24_000,
        encoder_dim=48,
        encoder_rates=[2, 4, 8, 8],
        decoder_dim=1024,
        decoder_rates=[8, 8, 4, 2],
        attn_window_size=None,
        vq_strides=[4, 2, 1],
    ).eval()
    audio = clip(24_000, seconds)
    encode = partial(model.encode, audio)
    kbps = 24 / 512 * (1 + 1 / 2 + 1 / 4) * 12
    decode = partial(model.decode, encode())
    return Peer(_named("snac", "24 kHz"), count(model), 24_000, kbps, "no", encode, decode)


PEERS = {
    "encodec": encodec_24k,
    "transformers": mimi,
    "descript-audio-codec": dac_16k,
    "snac": snac_24k,
}


def _named(package: str, model: str) -> str:
    return f"{package} {version(package)}, {model}"


def all_of(seconds: float, shipped: Path, scratch: Path) -> tuple[list[Peer], list[tuple[object, ...]]]:
    """Ours and theirs; and a row for every package that is not there."""
    ready = [ours(open_codec("stream_16k", shipped), 8, seconds)]
    missing: list[tuple[object, ...]] = []
    for name in OURS:
        config = load_model_config(name)
        assert isinstance(config, SeanetCodecConfig)
        speech = clip(config.sample_rate, 4.0)
        loaded = publish_random(name, config, speech, scratch)
        ready.append(ours(loaded, 12 if name == "dac_16k" else 8, seconds))
    for package, build in PEERS.items():
        torch.manual_seed(0)
        try:
            with warnings.catch_warnings():
                # What their packages deprecate is not ours to mend.
                warnings.simplefilter("ignore")
                ready.append(build(seconds))
        except (ImportError, PackageNotFoundError) as error:
            missing.append((package, *("",) * (len(COLUMNS) - 2), f"not measured: {error}"))
    return ready, missing


def rows(peers: list[Peer], seconds: float, repeats: int) -> list[tuple[object, ...]]:
    """Measure all of them, taking turns."""
    cases = [
        Case(peer.name, what, 0, "", "", seconds, run)
        for peer in peers
        for what, run in (("encode", peer.encode), ("decode", peer.decode))
    ]
    taken = measure(cases, repeats)
    lines: list[tuple[object, ...]] = []
    for index, peer in enumerate(peers):
        both = taken[2 * index : 2 * index + 2]
        encoding, decoding = (float(np.median(times)) for times in both)
        spread = [time / float(np.median(times)) for times in both for time in times]
        lines.append(
            (
                peer.name,
                f"{peer.parameters:,}",
                f"{peer.sample_rate / 1000:g}",
                f"{peer.kbps:.3g}",
                seconds / encoding,
                seconds / decoding,
                f"{min(spread):.2f}..{max(spread):.2f}",
                peer.streams,
            )
        )
    return lines


def main() -> None:
    """Run the measurements and write the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to run on")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {arguments.core})
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        peers, missing = all_of(arguments.seconds, arguments.repository, Path(scratch))
        lines = rows(peers, arguments.seconds, arguments.repeats)
    title = f"Peers on one core, {arguments.repeats} repeats that take turns, load {os.getloadavg()[0]:.1f}"
    show(table(title, COLUMNS, [*lines, *missing]), arguments.out)


if __name__ == "__main__":
    main()
