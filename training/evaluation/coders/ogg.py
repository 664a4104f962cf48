"""Packets of an Ogg stream (RFC 3533), as far as counting them needs."""

from codec.errors import InvalidAudioError

_HEADER_BYTES = 27
_HEADER_PACKETS = 2


def audio_packet_bytes(data: bytes) -> list[int]:
    """Sizes of the packets that carry sound, of a file with one Opus stream (RFC 7845).

    Those are all but the first two, which hold the identification and the comments. Raises
    `InvalidAudioError` if this is no whole Ogg file.
    """
    sizes, size, position = [], 0, 0
    while position < len(data):
        table = position + _HEADER_BYTES
        if data[position : position + 4] != b"OggS" or table > len(data):
            raise InvalidAudioError(f"no Ogg page at byte {position}; encode the file again")
        lacing = data[table : table + data[table - 1]]
        for value in lacing:
            size += value
            # A full value says that the packet goes on, if need be on the next page.
            if value < 255:
                sizes.append(size)
                size = 0
        position = table + len(lacing) + sum(lacing)
    if position > len(data) or size:
        raise InvalidAudioError("the Ogg file is cut short; encode it again")
    return sizes[_HEADER_PACKETS:]
