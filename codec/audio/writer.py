"""Audio to files and bytes."""

import io
import struct
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

import numpy as np
import soundfile

from codec.atomic import replacing
from codec.audio.pcm import PcmFormat, to_pcm16
from codec.audio.signal import Samples
from codec.errors import InvalidAudioError, InvalidRequestError, LimitExceededError

FileFormat = Literal["wav", "flac"]
AudioFormat = FileFormat | PcmFormat

MAX_WAV_BYTES = 2**32 - 2**12
"""Sample bytes of a WAV file: its lengths have 32 bits and cover the header too."""

OPEN_BYTES = 2**32 - 1
"""What a WAV file says whose length nobody knew when its header was written."""

_SAMPLE_BYTES = 2


def encode_audio(samples: Samples, sample_rate: int, audio_format: AudioFormat) -> bytes:
    """Samples float32 `[channel, sample]` as a WAV or FLAC file of 16 bits, or as raw little-endian samples.

    Rounds half to even and clips (`count_clipped` tells how many). Raises `InvalidAudioError` for another
    shape, NaN or infinity, `InvalidRequestError` for an unknown format, and `LimitExceededError` above
    4 GiB of WAV.
    """
    if samples.ndim != 2:
        raise InvalidAudioError(f"samples have shape {samples.shape}; give [channel, sample]")
    interleaved = samples.T
    if audio_format == "pcm_f32le":
        return interleaved.astype("<f4").tobytes()
    pcm = to_pcm16(interleaved).samples
    if audio_format == "pcm_s16le":
        return pcm.astype("<i2").tobytes()
    if audio_format == "wav":
        if pcm.size * _SAMPLE_BYTES > MAX_WAV_BYTES:
            raise LimitExceededError("a WAV file cannot be larger than 4 GiB; ask for flac or pcm_s16le")
        return wav_header(pcm.shape[0], sample_rate, pcm.shape[1]) + pcm.astype("<i2").tobytes()
    if audio_format == "flac":
        if not pcm.size:
            raise InvalidAudioError("a FLAC file cannot hold zero samples; ask for wav")
        out = io.BytesIO()
        soundfile.write(out, pcm, sample_rate, format="FLAC", subtype="PCM_16")
        return out.getvalue()
    raise InvalidRequestError(
        f"unknown audio format {audio_format!r}; choose wav, flac, pcm_s16le or pcm_f32le"
    )


class AudioWriter:
    """Writes a 16-bit WAV or FLAC file block by block; the file appears whole at `close` or not at all.

    Use it as a context manager: an error inside leaves nothing behind. `n_samples` counts samples per
    channel, `n_clipped` those that did not fit 16 bits. Raises `InvalidRequestError` for an unknown format
    and `OSError` if the folder cannot be written.
    """

    def __init__(
        self, path: Path, sample_rate: int, channels: int = 1, file_format: FileFormat = "wav"
    ) -> None:
        if file_format not in get_args(FileFormat):
            raise InvalidRequestError(f"unknown file format {file_format!r}; choose wav or flac")
        self.n_samples = 0
        self.n_clipped = 0
        self._channels = channels
        self._max_bytes = MAX_WAV_BYTES if file_format == "wav" else None
        with ExitStack() as stack:
            draft = stack.enter_context(replacing(path))
            self._file = stack.enter_context(
                soundfile.SoundFile(
                    str(draft), "w", sample_rate, channels, format=file_format.upper(), subtype="PCM_16"
                )
            )
            self._stack = stack.pop_all()

    def write(self, block: Samples) -> None:
        """Append samples `[channel, sample]`.

        Raises `InvalidAudioError` for a wrong channel count, NaN or infinity, and `LimitExceededError`
        beyond what a WAV file can hold.
        """
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise InvalidAudioError(f"a block has shape {block.shape}; give [{self._channels}, sample]")
        n_samples = self.n_samples + block.shape[1]
        if self._max_bytes is not None and n_samples * self._channels * _SAMPLE_BYTES > self._max_bytes:
            raise LimitExceededError("a WAV file cannot be larger than 4 GiB; write FLAC instead")
        pcm = to_pcm16(block.T)
        self._file.write(np.ascontiguousarray(pcm.samples))
        self.n_samples = n_samples
        self.n_clipped += pcm.n_clipped

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def wav_header(n_samples: int | None, sample_rate: int, channels: int) -> bytes:
    """The 44 bytes before 16-bit samples; None, or more than a WAV file can tell: as long as it goes on."""
    align = channels * _SAMPLE_BYTES
    data_bytes = MAX_WAV_BYTES + 1 if n_samples is None else n_samples * align
    if data_bytes > MAX_WAV_BYTES:
        data_bytes = OPEN_BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", min(36 + data_bytes, OPEN_BYTES), b"WAVE"),
        *(b"fmt ", 16, 1, channels, sample_rate, sample_rate * align, align, 8 * _SAMPLE_BYTES),
        *(b"data", data_bytes),
    )
