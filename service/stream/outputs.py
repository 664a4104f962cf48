"""Where a stream goes: every message is written and flushed at once."""

from typing import BinaryIO, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from codec.audio.pcm import to_pcm16
from codec.audio.writer import wav_header
from codec.container import CdcHeader, CdcWriter
from codec.tokens import Codes, to_wire

AudioForm = Literal["wav", "s16le", "f32le"]


class TokenOutput(Protocol):
    """Takes codes `[codebook, frame]` as they come."""

    def write(self, codes: Codes) -> None:
        """Add frames."""

    def finish(self, n_samples: int | None) -> None:
        """The end; `n_samples` of audio were coded, None = nobody knows."""


class CdcOutput:
    """A `.cdc` file that can be read while it grows: one block per message."""

    def __init__(self, sink: BinaryIO, header: CdcHeader) -> None:
        self._writer = CdcWriter(sink, header)
        # A reader at the other end of a pipe opens its stream while the first audio is still to come.
        self._writer.flush()

    def write(self, codes: Codes) -> None:
        """Part of `TokenOutput`."""
        self._writer.append(codes)
        self._writer.flush()

    def finish(self, n_samples: int | None) -> None:
        """Part of `TokenOutput`."""
        self._writer.finish(n_samples)


class PackedOutput:
    """Bare codes, u16 little-endian `[frame][codebook]`."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def write(self, codes: Codes) -> None:
        """Part of `TokenOutput`."""
        self._sink.write(to_wire(codes))
        self._sink.flush()

    def finish(self, n_samples: int | None) -> None:
        """Part of `TokenOutput`."""
        self._sink.flush()


class AudioOutput:
    """Mono audio as bare samples, or as a WAV file whose length is filled in at the end where that can be.

    `n_clipped` counts samples that did not fit 16 bits.
    """

    def __init__(self, sink: BinaryIO, form: AudioForm, sample_rate: int) -> None:
        self.n_samples = 0
        self.n_clipped = 0
        self._sink = sink
        self._form = form
        self._sample_rate = sample_rate
        self._start = sink.tell() if sink.seekable() else None
        if form == "wav":
            self._write(wav_header(None, sample_rate, 1))

    def write(self, samples: NDArray[np.float32]) -> None:
        """Add samples float32 `[sample]`."""
        self.n_samples += len(samples)
        if self._form == "f32le":
            self._write(samples.astype("<f4").tobytes())
            return
        pcm = to_pcm16(samples)
        self.n_clipped += pcm.n_clipped
        self._write(pcm.samples.astype("<i2").tobytes())

    def finish(self) -> None:
        """The end."""
        if self._form == "wav" and self._start is not None:
            end = self._sink.tell()
            self._sink.seek(self._start)
            self._write(wav_header(self.n_samples, self._sample_rate, 1))
            self._sink.seek(end)

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self._sink.flush()
