"""Real-time factors on one core, beside the `encodec` package's 24 kHz model, in one run.

    python -m tests.bench.speed --core 0

One thread, batch 1, float32. Every measurement is repeated; the repeats of all of them take turns, so that
whatever else happens on the machine happens to all. Reported are medians. "80 ms" is a live stream: one step
per 80 ms message, state carried. encodec has no streaming form; its 80 ms rows code a lone piece without
state, which is the least a stream of it could cost. It has random weights, which take the same time.
"""

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import soxr
import torch
from torch import Tensor
from tqdm import tqdm

from codec.checkpoint import open_codec
from codec.model import Codec
from tests.bench.options import make_parser
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.tables import show, table

COLUMNS = ("model", "what", "n_q", "bitrate", "input", "x real time", "ms per 80 ms", "spread of repeats")

_MESSAGE_SECONDS = 0.08
_ENCODEC_RATE = 24_000
_ENCODEC_KBPS = 6.0
_ENCODEC_N_Q = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table: `run` codes `audio_seconds` of sound."""

    model: str
    what: str
    n_q: int
    bitrate: str
    source: str
    audio_seconds: float
    run: Callable[[], object]


def stream_cases(codec: Codec, name: str, audio: Tensor, step_seconds: float) -> list[Case]:
    """Encode and decode a whole clip, and the same as a live stream."""
    hop = codec.config.hop_samples
    step = round(_MESSAGE_SECONDS * RATE) // hop
    live = audio[..., : round(step_seconds * RATE) // (step * hop) * step * hop]
    whole_seconds, live_seconds = audio.shape[-1] / RATE, live.shape[-1] / RATE

    def encode_live(n_q: int) -> None:
        state = codec.encoder_state(1)
        for message in live.split(step * hop, dim=-1):
            _, state = codec.encode_step(message, state, n_q)

    def decode_live(codes: Tensor) -> None:
        state = codec.decoder_state(1)
        for message in codes.split(step, dim=-1):
            _, state = codec.decode_step(message, state)

    cases = []
    for n_q in (8, 32):
        encoded = codec.encode(audio, n_q)
        live_codes = encoded.codes[..., : live.shape[-1] // hop]
        bitrate = f"{float(codec.config.bitrate_bps(n_q)) / 1000:g} kbit/s"
        case = partial(Case, name, n_q=n_q, bitrate=bitrate)
        long, short = f"{whole_seconds:.0f} s clip", "80 ms, stream"
        cases += [
            case("encode", source=long, audio_seconds=whole_seconds, run=partial(codec.encode, audio, n_q)),
            case("decode", source=long, audio_seconds=whole_seconds, run=partial(codec.decode, encoded)),
            case("encode", source=short, audio_seconds=live_seconds, run=partial(encode_live, n_q)),
            case("decode", source=short, audio_seconds=live_seconds, run=partial(decode_live, live_codes)),
        ]
    return cases


def encodec_cases(audio: np.ndarray[tuple[int], np.dtype[np.float32]], step_seconds: float) -> list[Case]:
    """The 24 kHz model of the `encodec` package at 6 kbit/s; none, with a line that says why, without it."""
    try:
        # By name: mypy would want the package where it is not installed, and its types where it is.
        encodec = importlib.import_module("encodec")
    except ImportError as error:
        print(f"encodec is left out: {error}; `pip install --no-deps encodec einops` adds it", flush=True)
        return []
    torch.manual_seed(0)
    model = encodec.EncodecModel.encodec_model_24khz(pretrained=False).eval()
    model.set_target_bandwidth(_ENCODEC_KBPS)
    for name, buffer in model.quantizer.named_buffers():
        if name.endswith("_codebook.embed"):
            buffer.normal_()
    sound = torch.from_numpy(soxr.resample(audio, RATE, _ENCODEC_RATE))[None, None]
    piece = sound[..., : round(_MESSAGE_SECONDS * _ENCODEC_RATE)]
    repeats = round(step_seconds / _MESSAGE_SECONDS)
    coded, coded_piece = model.encode(sound), model.encode(piece)
    assert coded[0][0].shape[1] == _ENCODEC_N_Q
    seconds = sound.shape[-1] / _ENCODEC_RATE

    def often(code: Callable[[], object]) -> None:
        for _ in range(repeats):
            code()

    case = partial(Case, "encodec 24 kHz", n_q=_ENCODEC_N_Q, bitrate=f"{_ENCODEC_KBPS:g} kbit/s")
    long, short, lasting = f"{seconds:.0f} s clip", "80 ms, alone", repeats * _MESSAGE_SECONDS
    piecewise = [
        partial(often, partial(model.encode, piece)),
        partial(often, partial(model.decode, coded_piece)),
    ]
    return [
        case("encode", source=long, audio_seconds=seconds, run=partial(model.encode, sound)),
        case("decode", source=long, audio_seconds=seconds, run=partial(model.decode, coded)),
        case("encode", source=short, audio_seconds=lasting, run=piecewise[0]),
        case("decode", source=short, audio_seconds=lasting, run=piecewise[1]),
    ]


def measure(cases: list[Case], repeats: int) -> list[list[float]]:
    """Seconds of every repeat of every case, after one unmeasured round; the repeats take turns."""
    seconds: list[list[float]] = [[] for _ in cases]
    for turn in tqdm(range(repeats + 1), disable=None):
        for case, taken in zip(cases, seconds, strict=True):
            began = time.perf_counter()
            case.run()
            if turn:
                taken.append(time.perf_counter() - began)
    return seconds


def rows(cases: list[Case], seconds: list[list[float]]) -> list[list[object]]:
    """The table, and a line for encode + decode together of every model, rate and input."""
    lines: list[list[object]] = []
    together: dict[tuple[str, int, str, str], list[tuple[Case, list[float]]]] = {}
    for case, taken in zip(cases, seconds, strict=True):
        lines.append(_line(case, case.what, taken))
        together.setdefault((case.model, case.n_q, case.bitrate, case.source), []).append((case, taken))
    for pair in together.values():
        both = [sum(turn) for turn in zip(*(taken for _, taken in pair), strict=True)]
        lines.append(_line(pair[0][0], "encode + decode", both))
    return lines


def _line(case: Case, what: str, taken: list[float]) -> list[object]:
    median = float(np.median(taken))
    factor = case.audio_seconds / median
    spread = f"{min(taken) / median:.2f}..{max(taken) / median:.2f}"
    milliseconds = 1000 * _MESSAGE_SECONDS / factor
    return [
        case.model,
        what,
        case.n_q,
        case.bitrate,
        case.source,
        f"{factor:.1f}",
        f"{milliseconds:.2f}",
        spread,
    ]


def main() -> None:
    """Run the measurements and write the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to run on")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the clip")
    parser.add_argument("--step-seconds", type=float, default=4.0, help="length of the live stream")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {arguments.core})
    loaded = open_codec(arguments.model, arguments.repository)
    assert isinstance(loaded.codec, Codec)
    audio = as_float(train_speech(arguments.seconds))
    with torch.inference_mode():
        cases = stream_cases(
            loaded.codec, loaded.identity.model, torch.from_numpy(audio)[None, None], arguments.step_seconds
        )
        cases += encodec_cases(audio, arguments.step_seconds)
        seconds = measure(cases, arguments.repeats)
    title = f"Speed on one core, {arguments.repeats} repeats that take turns, load {os.getloadavg()[0]:.1f}"
    show(table(title, COLUMNS, rows(cases, seconds)), arguments.out)


if __name__ == "__main__":
    main()
