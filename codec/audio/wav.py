"""A small RIFF/WAVE parser for the formats that most requests carry.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991, and the
`WAVEFORMATEXTENSIBLE` structure of 2001. Sizes in the file only ever narrow slices of bytes that are
there; nothing is allocated from them.
"""

import struct
import uuid
from typing import NamedTuple

from codec.audio.pcm import Buffer, Encoding, decode
from codec.audio.signal import STREAMED, TRUNCATED, Audio, AudioLimits
from codec.errors import InvalidAudioError

MAX_CHUNKS = 256
"""Chunks looked at before the samples; real files have fewer than ten."""

_TAG_PCM = 0x0001
_TAG_FLOAT = 0x0003
_TAG_EXTENSIBLE = 0xFFFE
# An extensible format names its encoding by this identifier with the tag in the first two bytes.
_SUBFORMAT_TAIL = uuid.UUID("00000000-0000-0010-8000-00aa00389b71").bytes_le[2:]
# Lengths that programs write which cannot go back to fill in the real one.
_OPEN_LENGTHS = (0, 0x7FFFFFFF, 0xFFFFFFFF)
_ENCODINGS: dict[tuple[int, int], Encoding] = {
    (_TAG_PCM, 1): "u8",
    (_TAG_PCM, 2): "s16",
    (_TAG_PCM, 3): "s24",
    (_TAG_PCM, 4): "s32",
    (_TAG_FLOAT, 4): "f32",
    (_TAG_FLOAT, 8): "f64",
}


class Wav(NamedTuple):
    """A RIFF/WAVE file in memory: where its samples lie, whole ones only, and what they are."""

    content: memoryview
    encoding: Encoding
    sample_rate: int
    channels: int
    notes: tuple[str, ...]


class _Format(NamedTuple):
    encoding: Encoding
    sample_rate: int
    channels: int
    block_align: int


class _Data(NamedTuple):
    start: int
    stop: int
    note: str | None


def parse_wav(body: Buffer, limits: AudioLimits) -> Audio | None:
    """Audio of a RIFF/WAVE file in memory at its own rate and channels, or None for another format.

    Raises like `open_wav`, and `InvalidAudioError` for a sample that is not finite.
    """
    wav = open_wav(body, limits)
    if wav is None:
        return None
    samples = decode(wav.content, wav.encoding, wav.channels)
    return Audio(samples, wav.sample_rate, wav.sample_rate, wav.channels, notes=wav.notes)


def open_wav(body: Buffer, limits: AudioLimits) -> Wav | None:
    """The samples of a RIFF/WAVE file, not looked at, or None for another format.

    Understands PCM of 8, 16, 24 and 32 bits and floats of 32 and 64, plain and extensible. A length that
    does not fit the file is corrected to the samples that are there, with a note. Raises
    `InvalidAudioError` where there is none, and `LimitExceededError`.
    """
    view = memoryview(body)
    if bytes(view[:4]) != b"RIFF" or bytes(view[8:12]) != b"WAVE":
        return None
    found = _find_chunks(view)
    if found is None:
        return None
    form, data = found
    limits.check_format(form.sample_rate, form.channels)
    n_samples, rest = divmod(data.stop - data.start, form.block_align)
    if n_samples == 0:
        raise InvalidAudioError("the WAV file has no samples; send at least one")
    limits.check_length(n_samples, form.sample_rate)
    limits.check_decoded(n_samples, form.channels)
    note = data.note or (TRUNCATED if rest else None)
    content = view[data.start : data.stop - rest]
    notes = () if note is None else (note,)
    return Wav(content, form.encoding, form.sample_rate, form.channels, notes)


def _find_chunks(view: memoryview) -> tuple[_Format, _Data] | None:
    """The format and the samples of a WAVE file, or None if either is missing or foreign."""
    form: _Format | None = None
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(view):
            return None
        name, size = struct.unpack_from("<4sI", view, position)
        position += 8
        if name == b"data":
            return None if form is None else (form, _locate(view, position, size))
        if name == b"fmt ":
            form = _parse_format(view[position : position + size])
            if form is None:
                return None
        position += size + size % 2
    return None


def _parse_format(chunk: memoryview) -> _Format | None:
    if len(chunk) < 16:
        return None
    tag, channels, sample_rate, _, block_align, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _TAG_EXTENSIBLE:
        if len(chunk) < 40 or bytes(chunk[26:40]) != _SUBFORMAT_TAIL:
            return None
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if channels == 0 or block_align % channels:
        return None
    # Samples fill whole bytes from the top, so that 12 bits in 16 read like 16.
    sample_bytes = block_align // channels
    encoding = _ENCODINGS.get((tag, sample_bytes))
    if encoding is None or not 8 * (sample_bytes - 1) < bits <= 8 * sample_bytes:
        return None
    return _Format(encoding, sample_rate, channels, block_align)


def _locate(view: memoryview, start: int, size: int) -> _Data:
    """Where the samples lie, whatever the header claims."""
    there = len(view) - start
    if size in _OPEN_LENGTHS and there and not (size == 0 and _chunk_follows(view, start)):
        return _Data(start, len(view), STREAMED)
    if size > there:
        return _Data(start, len(view), TRUNCATED)
    return _Data(start, start + size, None)


def _chunk_follows(view: memoryview, position: int) -> bool:
    """Whether another chunk starts here, which makes a data length of 0 an honest one."""
    if position + 8 > len(view):
        return False
    name, size = struct.unpack_from("<4sI", view, position)
    return bool(name.isascii() and name.decode("ascii").isprintable() and position + 8 + size <= len(view))
