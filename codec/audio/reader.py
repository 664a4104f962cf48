"""Audio from files, streams and bytes, whole or block by block."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import soundfile

from codec.audio.convert import Converter, convert
from codec.audio.signal import TRUNCATED, Audio, AudioLimits, Samples, check_values
from codec.audio.wav import parse_wav
from codec.errors import InvalidAudioError, LimitExceededError

AudioSource = Path | BinaryIO | bytes

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif")
"""How the names of audio files end, in lower case."""

# Decoders that hit damage lose the whole read, so reads are small and blocks are made of several.
_READ_SAMPLES = 4096
_BLOCK_SECONDS = 1
_SLURP_BYTES = 2**20
# libsndfile reports this or more where a container does not say how long it is.
_UNKNOWN_LENGTH = 2**62


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no annotations
    """A sound file that is only read forwards.

    soundfile seeks to where it already is after every read of a seekable file, which for MP3 changes the
    samples.
    """

    def seekable(self) -> bool:
        return False


class _Nameless:
    """A seekable stream without its name, from whose ending soundfile would guess a raw format."""

    def __init__(self, stream: BinaryIO) -> None:
        self.seek = stream.seek
        self.tell = stream.tell
        self.read = stream.read


class AudioReader:
    """Reads audio of any length as blocks of float32 `[channel, sample]` at one rate, in constant memory.

    Iterate once; blocks are about a second long and never empty. `source_rate` and `source_channels` are
    those of the input, `n_samples_hint` the number of output samples that its header promises (None where
    it is silent; good for a progress bar and nothing else), and `notes` is complete after the last block.

    A damaged file ends with its last readable sample and the note `TRUNCATED`. Raises `OSError` if a path
    cannot be opened, `InvalidAudioError` if the input is no audio or holds no sample, NaN or infinity, and
    `LimitExceededError` as soon as a limit is passed. A stream that cannot seek is first read into memory,
    at most `max_decoded_bytes` of it.
    """

    def __init__(
        self, source: AudioSource, sample_rate: int, limits: AudioLimits | None = None, channels: int = 1
    ) -> None:
        self._limits = limits or AudioLimits()
        self._cleanup = ExitStack()
        with ExitStack() as on_error:
            on_error.callback(self._cleanup.close)
            self._file = self._open(source)
            self.source_rate: int = self._file.samplerate
            self.source_channels: int = self._file.channels
            self._limits.check_format(self.source_rate, self.source_channels)
            self._converter = Converter(self.source_rate, sample_rate, self.source_channels, channels)
            on_error.pop_all()
        self.notes: tuple[str, ...] = ()
        self.source_samples = 0
        promised: int = self._file.frames
        self.n_samples_hint = (
            None if promised >= _UNKNOWN_LENGTH else -(-promised * sample_rate // self.source_rate)
        )
        self._promised = promised if self.n_samples_hint is not None else 0

    def __iter__(self) -> Iterator[Samples]:
        for piece in self._blocks_at_source_rate():
            block = self._converter.process(piece)
            if block.shape[1]:
                yield block
        if not self.source_samples:
            raise InvalidAudioError("the audio has no samples; send at least one")
        tail = self._converter.flush()
        if tail.shape[1]:
            yield tail

    def close(self) -> None:
        """Close what was opened; a stream given by the caller stays open."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, source: AudioSource) -> _ForwardFile:
        stream: BinaryIO
        if isinstance(source, Path):
            stream = self._cleanup.enter_context(source.open("rb"))
        else:
            stream = io.BytesIO(source) if isinstance(source, bytes) else source
        if not stream.seekable():
            stream = io.BytesIO(_slurp(stream, self._limits.max_decoded_bytes))
        # The descriptor spares a call into Python per buffer.
        handle = stream.fileno() if isinstance(source, Path) and stream.seekable() else _Nameless(stream)
        try:
            file = _ForwardFile(handle, closefd=False)
        except soundfile.LibsndfileError as error:
            raise InvalidAudioError(
                f"the input is no audio that can be read ({error.error_string or 'unknown format'}); "
                "send WAV, FLAC, OGG or MP3"
            ) from error
        self._cleanup.callback(file.close)
        return file

    def _blocks_at_source_rate(self) -> Iterator[Samples]:
        pieces: list[Samples] = []
        for piece in self._pieces():
            pieces.append(piece)
            if len(pieces) * _READ_SAMPLES >= _BLOCK_SECONDS * self.source_rate:
                yield np.concatenate(pieces, axis=1)
                pieces.clear()
        if pieces:
            yield np.concatenate(pieces, axis=1)

    def _pieces(self) -> Iterator[Samples]:
        while (piece := self._read()).shape[1]:
            self.source_samples += piece.shape[1]
            self._limits.check_length(self.source_samples, self.source_rate)
            check_values(piece)
            yield piece
        # MPEG lengths are estimates; missing samples prove nothing there.
        if self.source_samples < self._promised and not self._file.subtype.startswith("MPEG"):
            self.notes = (TRUNCATED,)

    def _read(self) -> Samples:
        try:
            return np.asarray(self._file.read(_READ_SAMPLES, dtype="float32", always_2d=True).T)
        except soundfile.LibsndfileError as error:
            if not self.source_samples:
                raise InvalidAudioError(f"no sample of the audio can be decoded ({error})") from error
            self.notes = (TRUNCATED,)
            return np.empty((self.source_channels, 0), np.float32)


def read_audio(
    source: AudioSource, sample_rate: int, limits: AudioLimits | None = None, channels: int = 1
) -> Audio:
    """Read a whole recording as float32 `[channel, sample]` at `sample_rate` Hz.

    Mixes and resamples as `Converter` says: `ceil(n * sample_rate / source_rate)` samples for n of the input.
    Raises like `AudioReader`, and `LimitExceededError` also above `limits.max_decoded_bytes`.
    """
    limits = limits or AudioLimits()
    if isinstance(source, Path):
        source = _read_if_riff(source, limits.max_decoded_bytes)
    if isinstance(source, bytes):
        if not source:
            raise InvalidAudioError("the audio is empty; send a WAV, FLAC, OGG or MP3 file")
        if (audio := parse_wav(source, limits)) is not None:
            return convert(audio, sample_rate, channels)
    blocks: list[Samples] = []
    with AudioReader(source, sample_rate, limits, channels) as reader:
        for block in reader:
            limits.check_decoded(reader.source_samples, reader.source_channels)
            blocks.append(block)
        samples = np.concatenate(blocks, axis=1)
        return Audio(samples, sample_rate, reader.source_rate, reader.source_channels, reader.notes)


def _read_if_riff(path: Path, max_bytes: int) -> Path | bytes:
    """The content of a RIFF file, which the own parser reads more forgivingly, or the path unchanged."""
    with path.open("rb") as file:
        head = file.read(4)
        if head != b"RIFF" or path.stat().st_size > max_bytes:
            return path
        return head + file.read(max_bytes)


def _slurp(stream: BinaryIO, max_bytes: int) -> bytes:
    content = bytearray()
    while chunk := stream.read(_SLURP_BYTES):
        content += chunk
        if len(content) > max_bytes:
            raise LimitExceededError(f"the input is larger than {max_bytes} bytes; read it from a file")
    return bytes(content)
