"""What the service ought to answer: codes and samples of whole items, by the library, in this process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from codec.checkpoint import LoadedCodec, load_codec
from codec.container import write_cdc
from codec.encoded import Encoded
from codec.repository import Repository
from codec.tokens import Codes, Tokens
from tests.bench.speech import Pcm, Signal, as_float


@dataclass(frozen=True, slots=True)
class Offline:
    """A version, loaded here, on one thread; `path`: its folder."""

    loaded: LoadedCodec
    path: Path

    @classmethod
    def open(cls, repository: Path, reference: str) -> Self:
        """The version that `name`, `name@channel` or `name@version` means."""
        torch.set_num_threads(1)
        path = Repository(repository).resolve(reference).path
        return cls(load_codec(path), path)

    @property
    def version(self) -> str:
        """Name of the version."""
        return self.loaded.identity.version

    def codes(self, pcm: Pcm, n_q: int) -> Codes:
        """Uint16 `[codebook, frame]` of 16-bit samples."""
        audio = torch.from_numpy(as_float(pcm))[None, None]
        codes: Codes = self.loaded.codec.encode(audio, n_q).codes[0].numpy().astype(np.uint16)
        return codes

    def samples(self, codes: Codes, n_samples: int | None = None) -> Signal:
        """Float32 `[sample]` of codes `[codebook, frame]`."""
        tokens = torch.from_numpy(codes.astype(np.int64))[None]
        config, frames = self.loaded.codec.config, codes.shape[1]
        complete = frames * config.hop_samples - config.delay_samples
        encoded = Encoded(tokens, (complete if n_samples is None else n_samples,), (frames,))
        signal: Signal = self.loaded.codec.decode(encoded)[0, 0].numpy()
        return signal

    def cdc(self, codes: Codes, n_samples: int) -> bytes:
        """A token file."""
        token_format = self.loaded.token_format
        return write_cdc(
            Tokens(
                codes,
                self.loaded.identity,
                token_format.sample_rate,
                token_format.hop_samples,
                n_samples,
                token_format.codebook_size,
            )
        )


def codes_of_wire(payload: bytes | bytearray, n_q: int) -> NDArray[np.uint16]:
    """Codes `[codebook, frame]` of little-endian u16 `[frame][codebook]`."""
    return np.frombuffer(bytes(payload), "<u2").reshape(-1, n_q).T


def mismatches(found: NDArray[np.uint16], wanted: NDArray[np.uint16]) -> int:
    """How many codes differ; missing and surplus frames count in full."""
    frames = min(found.shape[1], wanted.shape[1])
    differing = int(np.count_nonzero(found[:, :frames] != wanted[:, :frames]))
    surplus = int(max(found.shape[1], wanted.shape[1]) - frames)
    return differing + surplus * len(wanted)


def largest_difference(found: Signal, wanted: Signal) -> float:
    """Of samples; infinite if the lengths differ."""
    if found.shape != wanted.shape:
        return float("inf")
    return float(np.abs(found - wanted).max(initial=0.0))
