"""Input for live streams: audio files, PCM that arrives as bytes, the microphone; at full speed or paced.

All of them are iterators of float32 `[sample]`, mono, at the rate that they are asked for. The blocking
client takes them as they are, the asynchronous one through `as_async`. `until`: an event that ends them.
"""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codec.audio import AudioReader, PcmFormat
from codec.audio.pcm import ENCODING_BYTES, ENCODINGS, decode
from codec.errors import InvalidAudioError, InvalidRequestError

Piece = TypeVar("Piece")
Array = TypeVar("Array", bound=NDArray[Any])
Samples = NDArray[np.float32]

PIECE_SECONDS = 0.08
"""Length of a piece: four frames of the default model."""

_WAIT_SECONDS = 0.1


def audio_file(path: Path, sample_rate: int, piece_seconds: float = PIECE_SECONDS) -> Iterator[Samples]:
    """An audio file of any format, rate and channels. Raises as `codec.audio.AudioReader`."""
    step = max(1, round(piece_seconds * sample_rate))
    return _cut(AudioReader(path, sample_rate), step)


def pcm_pieces(chunks: Iterable[bytes], pcm_format: PcmFormat = "pcm_s16le") -> Iterator[Samples]:
    """Headerless samples, little-endian and mono, cut anywhere, even inside a sample.

    Raises `InvalidAudioError` for a WAV header, a sample that is cut off at the end, NaN and infinity.
    """
    encoding = ENCODINGS[pcm_format]
    left, is_first = b"", True
    for chunk in chunks:
        left += chunk
        whole = len(left) - len(left) % ENCODING_BYTES[encoding]
        if is_first and whole:
            is_first = False
            if left[:4] == b"RIFF":
                raise InvalidAudioError(
                    "the PCM begins with a WAV header; name the file, or send the samples without it"
                )
        if whole:
            yield decode(left[:whole], encoding, 1)[0]
        left = left[whole:]
    if left:
        raise InvalidAudioError(f"the PCM ends inside a sample of {pcm_format}; is that its format?")


def microphone(
    sample_rate: int, until: threading.Event | None = None, piece_seconds: float = PIECE_SECONDS
) -> Iterator[Samples]:
    """What the default microphone hears from the first piece asked for on, until the event is set.

    Needs the extra `live`. Raises `InvalidRequestError` without it and where there is no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise InvalidRequestError(
            f"no microphone can be used ({error}); install codecd[live] and the PortAudio library "
            "(Debian: libportaudio2)"
        ) from error
    heard: queue.Queue[Samples] = queue.Queue()

    def take(block: Samples, count: int, times: Any, status: Any) -> None:
        heard.put(block[:, 0].copy())

    try:
        stream = sounddevice.InputStream(
            sample_rate, round(piece_seconds * sample_rate), channels=1, dtype="float32", callback=take
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise InvalidRequestError(f"the microphone cannot be opened: {error}") from error
    return _hear(stream, heard, until or threading.Event())


def paced(
    pieces: Iterable[Array],
    items_per_second: float,
    until: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Array]:
    """The same pieces no earlier than a live source would have them: each at its end.

    `items_per_second`: samples, or frames of codes `[codebook, frame]`.
    """
    ended = until or threading.Event()
    started, items = clock(), 0
    for piece in pieces:
        items += piece.shape[-1]
        if ended.wait(max(0.0, started + items / items_per_second - clock())):
            return
        yield piece


async def as_async(pieces: Iterable[Piece]) -> AsyncIterator[Piece]:
    """A source for the asynchronous client; it runs in a thread of its own and is closed with the stream."""
    source = iter(pieces)
    end = object()
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(1, "source")
    try:
        while (piece := await loop.run_in_executor(pool, next, source, end)) is not end:
            yield piece  # type: ignore[misc]  # `end` is no piece
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            # In the same thread, after the piece that is under way.
            pool.submit(close)
        pool.shutdown(wait=False)


def _cut(reader: AudioReader, step: int) -> Iterator[Samples]:
    with reader:
        for block in reader:
            for start in range(0, block.shape[1], step):
                yield block[0, start : start + step]


def _hear(stream: Any, heard: queue.Queue[Samples], until: threading.Event) -> Iterator[Samples]:
    with stream:
        while not until.is_set():
            try:
                yield heard.get(timeout=_WAIT_SECONDS)
            except queue.Empty:
                continue
