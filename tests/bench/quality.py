"""How well a model codes the clean validation clips, beside Opus: one table.

python -m tests.bench.quality --model stream_16k
"""

import argparse
import csv
import io
import struct
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from pesq import pesq
from pystoi import stoi
from tqdm import tqdm

from codec.audio import read_audio
from codec.checkpoint import open_codec
from codec.commands.options import SHIPPED_REPOSITORY
from codec.model import Codec
from tests.bench.tables import show, table
from tests.support import shared_dir
from training.losses import MEL_SCALES
from training.spectra import LogMel, Magnitudes

RATE = 16000
N_Q = (2, 4, 8, 16, 32)
OPUS_BPS = (6000, 12000)
COLUMNS = ("codec", "kbit/s", "PESQ-wb", "STOI", "mel distance", "SI-SDR dB", "level error dB")

Signal = NDArray[np.float32]


def clean_clips() -> list[Path]:
    """The validation clips without noise, room or music."""
    folder = shared_dir() / "data"
    with (folder / "valid.csv").open() as file:
        return [folder / row["file"] for row in csv.DictReader(file) if row["kind"] == "clean"]


def opus(signal: Signal, bps: int) -> tuple[Signal, int]:
    """Audio through Opus and the bits of its packets (Ogg pages after the two header pages)."""
    buffer = io.BytesIO()
    level = 1 - (bps - 6000) / 250000
    soundfile.write(buffer, signal, RATE, format="OGG", subtype="OPUS", compression_level=level)
    payload, data, position, page = 0, buffer.getvalue(), 0, 0
    while position < len(data):
        (segments,) = struct.unpack_from("<B", data, position + 26)
        size = sum(data[position + 27 : position + 27 + segments])
        payload += size if page >= 2 else 0
        position += 27 + segments + size
        page += 1
    decoded, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    return decoded[: len(signal)], payload * 8


class Scores:
    """Means over clips of the metrics of one codec."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[float]] = defaultdict(list)
        self._scales = [(Magnitudes(n_fft), LogMel(n_fft, bands, RATE)) for n_fft, bands in MEL_SCALES]

    def add(self, original: Signal, coded: Signal, bits: float) -> None:
        """Judge one clip."""
        projected = original * (coded @ original / (original @ original))
        error = coded - projected
        scores = {
            "kbps": bits / len(original) * RATE / 1000,
            "pesq": pesq(RATE, original, coded, "wb"),
            "stoi": stoi(original, coded, RATE),
            "mel": self._mel_distance(original, coded),
            "sisdr": 10 * np.log10((projected @ projected) / (error @ error)),
            "level": abs(10 * np.log10((coded @ coded) / (original @ original))),
        }
        for name, score in scores.items():
            self._values[name].append(float(score))

    def row(self, name: str) -> list[object]:
        """Means in the order of `COLUMNS`."""
        keys = ("kbps", "pesq", "stoi", "mel", "sisdr", "level")
        return [name, *(f"{np.mean(self._values[key]):.3f}" for key in keys)]

    def _mel_distance(self, original: Signal, coded: Signal) -> float:
        total = 0.0
        for magnitudes, mel in self._scales:
            pair = [mel(magnitudes(magnitudes.spectra(torch.from_numpy(x)[None]))) for x in (original, coded)]
            total += float((pair[0] - pair[1]).abs().mean()) / len(self._scales)
        return total


def main() -> None:
    """Run the evaluation and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="stream_16k")
    parser.add_argument("--repository", type=Path, default=SHIPPED_REPOSITORY)
    parser.add_argument("--every", type=int, default=1, help="use every N-th clip")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loaded = open_codec(arguments.model, arguments.repository)
    scores: defaultdict[str, Scores] = defaultdict(Scores)
    clips = clean_clips()[:: arguments.every]
    for path in tqdm(clips, disable=None):
        original = read_audio(path, RATE).samples[0]
        for name, code in _coders(loaded.codec):
            coded, bits = code(original)
            scores[name].add(original, coded, bits)
    title = f"{loaded.identity.model} {loaded.identity.version}, {len(clips)} clean validation clips"
    show(table(title, COLUMNS, [score.row(name) for name, score in scores.items()]), arguments.out)


def _coders(codec: Codec) -> list[tuple[str, Callable[[Signal], tuple[Signal, float]]]]:
    def ours(n_q: int) -> Callable[[Signal], tuple[Signal, float]]:
        def code(signal: Signal) -> tuple[Signal, float]:
            codes = codec.encode(torch.from_numpy(signal)[None, None], n_q).codes
            bits = codes.shape[-1] * n_q * codec.config.quantizer.bits_per_code
            return codec.decode(codes, len(signal))[0, 0].numpy(), bits

        return code

    coders = [(f"n_q {n_q}", ours(n_q)) for n_q in N_Q]
    return coders + [(f"Opus {bps // 1000}k", lambda x, bps=bps: opus(x, bps)) for bps in OPUS_BPS]


if __name__ == "__main__":
    main()
