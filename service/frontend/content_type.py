"""What a Content-Type says of a body; only headerless samples need one."""

from functools import lru_cache

import numpy as np

from service.frontend.intake import AudioBody, RawFormat
from service.status import Condition, ServiceError

_L16_BYTES = 2
_MAX_DIGITS = 6
_MAX_CHARACTERS = 200
_ENDIANNESS = ("little-endian", "big-endian")


def audio_body(content_type: str | None, content: bytes) -> AudioBody:
    """The body, with the format of its samples if the type is `audio/L16;rate=…;channels=…`.

    All other types are ignored: the bytes tell what they are. Samples are little-endian as everywhere in
    this interface, unless `endianness=big-endian` says that they come in the order of RFC 2586. Raises
    `ServiceError` UNSUPPORTED_MEDIA for parameters that cannot be read.
    """
    if content_type is None or content_type[:9].lower() != "audio/l16":
        return AudioBody(content)
    raw, big_endian = _parse_l16(content_type)
    if big_endian and len(content) % 2 == 0:
        content = np.frombuffer(content, ">i2").astype("<i2").tobytes()
    return AudioBody(content, raw)


def least_seconds(content_type: str | None, size_bytes: int) -> float:
    """Seconds of audio that a body of so many bytes has at least; raises like `audio_body`.

    0 for files: what is in them is not known before they are read.
    """
    raw = audio_body(content_type, b"").raw
    frames_a_second = raw.sample_rate * raw.channels if raw is not None else 0
    return size_bytes / (_L16_BYTES * frames_a_second) if frames_a_second else 0.0


@lru_cache(maxsize=256)
def _parse_l16(content_type: str) -> tuple[RawFormat, bool]:
    # What parses is kept for the next request: a short type is one, a long one none.
    if len(content_type) > _MAX_CHARACTERS:
        raise _unreadable(content_type)
    fields = {"rate": "", "channels": "1", "endianness": _ENDIANNESS[0]}
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        fields[name.strip().lower()] = value.strip().strip('"')
    rate, channels, endianness = fields["rate"], fields["channels"], fields["endianness"].lower()
    numbers = all(text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS for text in (rate, channels))
    if not numbers or endianness not in _ENDIANNESS:
        raise _unreadable(content_type)
    return RawFormat("pcm_s16le", int(rate), int(channels)), endianness == "big-endian"


def _unreadable(content_type: str) -> ServiceError:
    return ServiceError(
        Condition.UNSUPPORTED_MEDIA,
        f"cannot read content type {content_type[:80]!r}; write audio/L16;rate=16000;channels=1",
    )
