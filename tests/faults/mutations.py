"""Sound bytes made unsound: the ways in which files and messages are damaged, lied about or made up."""

import random
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_MAX_BYTES = 1 << 17


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One to four mutations, one after the other; at most 128 KiB come out."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(_MUTATIONS)(content, rng)[:_MAX_BYTES]
    return content


def _flip_bits(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 2, 8, 64))):
        if damaged:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _damage_the_start(content: bytes, rng: random.Random) -> bytes:
    """Headers are where the lies are."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 2, 4))):
        if damaged:
            damaged[rng.randrange(min(64, len(damaged)))] = rng.randrange(256)
    return bytes(damaged)


def _put_an_extreme(content: bytes, rng: random.Random) -> bytes:
    """A number of 1, 2, 4 or 8 bytes that sizes, rates and counts should not be."""
    width = rng.choice((1, 2, 4, 8))
    number = rng.choice(_EXTREMES) if rng.random() < 0.7 else rng.getrandbits(8 * width)
    at = rng.randrange(min(len(content), 256) + 1)
    number = (number & ((1 << (8 * width)) - 1)) or (1 << (8 * width)) - 1
    return content[:at] + number.to_bytes(width, rng.choice(("little", "big"))) + content[at + width :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _cut_the_front(content: bytes, rng: random.Random) -> bytes:
    return content[rng.randrange(min(len(content), 512) + 1) :]


def _drop(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 2, 4, 100)) :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(rng.choice((1, 4, 64, 4096))) + content[at:]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    piece = content[at : at + rng.choice((4, 64, 1024))]
    return content[:at] + piece * rng.choice((2, 16)) + content[at:]


def _erase(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    length = rng.choice((4, 64, 1024))
    return content[:at] + bytes([rng.choice((0, 0xFF))]) * length + content[at + length :]


def _noise(_: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 7, 100, 5000)))


def _noise_behind_the_name(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.choice((4, 8, 12))] + rng.randbytes(rng.choice((10, 1000)))


_MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits, _flip_bits, _damage_the_start, _damage_the_start, _put_an_extreme, _put_an_extreme,
    _cut, _cut_the_front, _drop, _insert, _repeat, _erase, _noise, _noise_behind_the_name,
)  # fmt: skip
