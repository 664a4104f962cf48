"""What every peer server runs: WAV files to packed codes, a batch at a time."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import torch

from codec.audio import AudioLimits, parse_wav
from codec.checkpoint import load_codec

BATCH = 8
BATCH_WAIT_SECONDS = 0.005
"""What these servers' manuals suggest for a model of some milliseconds."""


class PeerModel:
    """A version, loaded in this process."""

    def __init__(self, version: str, n_q: int) -> None:
        self._codec = load_codec(Path(version)).codec
        self._n_q = n_q

    def encode(self, files: list[bytes]) -> list[bytes]:
        """Codes of each file, little-endian u16 `[frame][codebook]`; all files have the same length."""
        signals = [_signal(file) for file in files]
        with torch.inference_mode():
            codes = self._codec.encode(torch.stack(signals), self._n_q).codes
        return [item.T.numpy().astype("<u2").tobytes() for item in codes]


def options(description: str | None) -> Namespace:
    """The command line of a server."""
    parser = ArgumentParser(description=description)
    parser.add_argument("version", help="folder of the model version")
    parser.add_argument("port", type=int)
    parser.add_argument("--n-q", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1, help="threads of the pool, or processes")
    parser.add_argument("--torch-threads", type=int, default=1)
    return parser.parse_args()


def _signal(file: bytes) -> torch.Tensor:
    audio = parse_wav(file, AudioLimits())
    if audio is None:
        raise ValueError("not a WAV file of PCM samples; send one")
    return torch.from_numpy(audio.samples)
