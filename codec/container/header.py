"""The header of a `.cdc` file: what holds for all its blocks."""

import zlib
from dataclasses import dataclass

import numpy as np

from codec.container.layout import (
    CRC32,
    FORMAT_VERSION,
    HEADER_FIELDS,
    HEADER_FIXED_BYTES,
    MAGIC,
    UNKNOWN_SAMPLES,
    UnknownFormatError,
    loaded_samples,
    stored_samples,
)
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import MAX_CODEBOOKS, TokenFormat, TokenIdentity, check_scale


@dataclass(frozen=True)
class CdcHeader:
    """What a `.cdc` file says about all its blocks.

    `codebooks`: the most codebooks that a block holds; `n_samples`: audio samples per channel, None if
    unknown when the header is written; `scale`: level factors, kept as float32. Raises
    `InvalidTokensError` for values out of range.
    """

    identity: TokenIdentity
    format: TokenFormat
    codebooks: int
    n_samples: int | None = None
    scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.codebooks <= MAX_CODEBOOKS:
            raise InvalidTokensError(f"{self.codebooks} codebooks are outside 1..{MAX_CODEBOOKS}")
        if self.n_samples is not None and not 0 <= self.n_samples < UNKNOWN_SAMPLES:
            raise InvalidTokensError(f"{self.n_samples} samples cannot be stored")
        check_scale(self.scale)

    def pack(self) -> bytes:
        """The header as bytes."""
        names = [
            name.encode("ascii")
            for name in (self.identity.model, self.identity.version, self.identity.token_space)
        ]
        fixed = HEADER_FIELDS.pack(
            *(MAGIC, FORMAT_VERSION, self.format.bits_per_code, self.codebooks),
            *(self.format.sample_rate, self.format.hop_samples, self.format.codebook_size - 1),
            *(stored_samples(self.n_samples), len(self.scale), *map(len, names)),
        )
        body = fixed + b"".join(names) + np.asarray(self.scale, "<f4").tobytes()
        return body + CRC32.pack(zlib.crc32(body))


def header_bytes(start: memoryview) -> int:
    """Size of the header that begins with `start`, its first `HEADER_FIXED_BYTES`.

    Raises `ContainerError` if this is no `.cdc` file or one of another version.
    """
    if bytes(start[:4]) != MAGIC:
        raise ContainerError("this is no .cdc file; check the path, or encode the audio first")
    if len(start) < HEADER_FIXED_BYTES:
        raise ContainerError("the .cdc header is cut short; fetch the file again")
    if start[4] != FORMAT_VERSION:
        raise UnknownFormatError(f"the .cdc file has format version {start[4]}; update codecd to read it")
    *_, n_scales, model, version, token_space = HEADER_FIELDS.unpack(start)
    return int(HEADER_FIXED_BYTES + model + version + token_space + 4 * n_scales + CRC32.size)


def parse_header(data: memoryview) -> CdcHeader:
    """The header whose bytes are exactly `data`, of which `header_bytes` told the size.

    Raises `ContainerError` if it is damaged or makes no sense.
    """
    end = len(data) - CRC32.size
    if CRC32.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        raise ContainerError("the .cdc header is damaged (checksum); fetch the file again")
    _, _, bits, codebooks, sample_rate, hop_samples, last_code, n_samples, n_scales, *lengths = (
        HEADER_FIELDS.unpack_from(data)
    )
    scale = np.frombuffer(data, "<f4", n_scales, end - 4 * n_scales).tolist()
    try:
        header = CdcHeader(
            _parse_names(data, lengths),
            TokenFormat(sample_rate, hop_samples, last_code + 1),
            codebooks,
            loaded_samples(n_samples),
            tuple(scale),
        )
    except InvalidTokensError as error:
        raise ContainerError(f"the .cdc header makes no sense: {error}") from error
    if bits != header.format.bits_per_code:
        raise ContainerError(
            f"the .cdc header makes no sense: {bits} bits for {last_code + 1} codebook entries"
        )
    return header


def _parse_names(data: memoryview, lengths: list[int]) -> TokenIdentity:
    names = []
    position = HEADER_FIXED_BYTES
    for length in lengths:
        names.append(bytes(data[position : position + length]).decode("ascii", errors="replace"))
        position += length
    return TokenIdentity(*names)
