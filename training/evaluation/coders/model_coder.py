"""A model of ours as a codec under test, by way of files as `codecd encode` and `codecd decode` go."""

import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from codec.audio import encode_audio, read_audio
from codec.checkpoint import LoadedCodec, open_codec
from codec.container import CdcReader
from codec.files import EncodeOptions, decode_file, encode_file
from training.evaluation.coders.coder import Coded, Recording


@dataclass(frozen=True, slots=True)
class ModelCoder:
    """The model that `reference` names in a repository, with `n_q` codebooks; opened once per process."""

    name: str
    reference: str
    repository: Path
    n_q: int

    @property
    def family(self) -> str:
        """The model."""
        return self.name

    @property
    def label(self) -> str:
        """The model and n_q."""
        return f"{self.name}, n_q {self.n_q}"

    def code(self, recording: Recording) -> Coded:
        """Encode the file to `.cdc` and decode that to 16-bit WAV; the payload is that of the blocks."""
        loaded = _opened(self.reference, self.repository)
        with tempfile.TemporaryDirectory(prefix="codecd-eval-") as folder:
            packed, decoded = Path(folder) / "out.cdc", Path(folder) / "out.wav"
            began = time.perf_counter()
            encode_file(loaded, recording.path, packed, EncodeOptions(self.n_q), _quiet)
            encoded = time.perf_counter()
            decode_file(loaded, packed, decoded, _quiet)
            ended = time.perf_counter()
            with CdcReader(packed) as reader:
                payload_bytes = sum(len(block.payload) for block in reader.packed_blocks())
            with CdcReader(packed) as reader:
                codes = np.concatenate([block.codes for block in reader], axis=1)
            return Coded(
                audio=read_audio(decoded, recording.sample_rate).samples[0],
                payload_bits=8 * payload_bytes,
                file_bytes=packed.stat().st_size,
                encode_s=encoded - began,
                decode_s=ended - encoded,
                codes=codes,
            )


@cache
def _opened(reference: str, repository: Path) -> LoadedCodec:
    """The model, after a second of silence, since the first steps of a process are slow."""
    loaded = open_codec(reference, repository)
    rate = loaded.codec.config.sample_rate
    with tempfile.TemporaryDirectory(prefix="codecd-eval-") as folder:
        source, packed, decoded = (Path(folder) / name for name in ("in.wav", "out.cdc", "out.wav"))
        source.write_bytes(encode_audio(np.zeros((1, rate), np.float32), rate, "wav"))
        encode_file(loaded, source, packed, EncodeOptions(1), _quiet)
        decode_file(loaded, packed, decoded, _quiet)
    return loaded


def _quiet(samples: int) -> None:
    """Progress that nobody watches."""
