"""The header of a `.cdc` file: what holds for all its blocks."""

import zlib
from dataclasses import dataclass

from codec.container.layout import (
    CRC32,
    ENTROPY,
    FORMAT_VERSION,
    HEADER_FIELDS,
    HEADER_FIXED_BYTES,
    LABEL_FIELDS,
    LABELLED,
    MAGIC,
    MEASURED,
    SAMPLES,
    SCALED,
    SEGMENT_FIELDS,
    SEGMENTED,
    TABLES_ID_BYTES,
    UNKNOWN_SAMPLES,
    UnknownFormatError,
)
from codec.errors import ContainerError, InvalidTokensError
from codec.tokens import MAX_CODEBOOKS, LabelFormat, Segmentation, SideFormat, TokenFormat, TokenIdentity

_OPTIONAL = {
    SCALED: 0,
    LABELLED: LABEL_FIELDS.size,
    SEGMENTED: SEGMENT_FIELDS.size,
    ENTROPY: TABLES_ID_BYTES,
    MEASURED: SAMPLES.size,
}
"""Size of the fields that each flag announces."""

NO_SIDE_FORMAT = SideFormat()


@dataclass(frozen=True)
class CdcHeader:
    """What a `.cdc` file says about all its blocks.

    `codebooks`: the most codebooks that a block holds; `n_samples`: audio samples per channel, None if
    unknown when the header is written; `side`: what the segment records hold; `tables_id`: 8 bytes, the
    tables of entropy-coded blocks (a writer puts those of its coder), None if there can be no such blocks.
    Raises `InvalidTokensError` for values out of range.
    """

    identity: TokenIdentity
    format: TokenFormat
    codebooks: int
    n_samples: int | None = None
    side: SideFormat = NO_SIDE_FORMAT
    tables_id: bytes | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.codebooks <= MAX_CODEBOOKS:
            raise InvalidTokensError(f"{self.codebooks} codebooks are outside 1..{MAX_CODEBOOKS}")
        if self.n_samples is not None and not 0 <= self.n_samples < UNKNOWN_SAMPLES:
            raise InvalidTokensError(f"{self.n_samples} samples cannot be stored")
        if self.tables_id is not None and len(self.tables_id) != TABLES_ID_BYTES:
            raise InvalidTokensError(f"the id of entropy tables must have {TABLES_ID_BYTES} bytes")

    def pack(self) -> bytes:
        """The header as bytes."""
        identity, side = self.identity, self.side
        flags = SCALED if side.scaled else 0
        optional = b""
        if side.labels:
            flags |= LABELLED
            optional += LABEL_FIELDS.pack(side.labels.labels - 1, side.labels.hop_samples)
        if side.segmentation:
            flags |= SEGMENTED
            optional += SEGMENT_FIELDS.pack(
                side.segmentation.length_samples, side.segmentation.stride_samples
            )
        if self.tables_id is not None:
            flags |= ENTROPY
            optional += self.tables_id
        if self.n_samples is not None:
            flags |= MEASURED
            optional += SAMPLES.pack(self.n_samples)
        fixed = HEADER_FIELDS.pack(
            *(MAGIC, FORMAT_VERSION, self.format.bits_per_code, self.codebooks),
            *(self.format.sample_rate, self.format.hop_samples, self.format.codebook_size - 1),
            *(flags, len(identity.model), len(identity.version), len(identity.token_space)),
        )
        names = (identity.model + identity.version + identity.token_space).encode("ascii")
        body = fixed + names + optional
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
    *_, flags, model, version, token_space = HEADER_FIELDS.unpack(start)
    optional = sum(size for flag, size in _OPTIONAL.items() if flags & flag)
    return int(HEADER_FIXED_BYTES + model + version + token_space + optional + CRC32.size)


def parse_header(data: memoryview) -> CdcHeader:
    """The header whose bytes are exactly `data`, of which `header_bytes` told the size.

    Raises `ContainerError` if it is damaged or makes no sense.
    """
    end = len(data) - CRC32.size
    if CRC32.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        raise ContainerError("the .cdc header is damaged (checksum); fetch the file again")
    fields = HEADER_FIELDS.unpack_from(data)
    _, _, bits, codebooks, sample_rate, hop_samples, last_code, flags, *lengths = fields
    if flags & ~sum(_OPTIONAL):
        raise UnknownFormatError("the .cdc header has flags of a newer codecd; update to read it")
    optional = data[HEADER_FIXED_BYTES + sum(lengths) : end]
    n_samples = None
    if flags & MEASURED:
        optional, last = optional[: -SAMPLES.size], optional[-SAMPLES.size :]
        (n_samples,) = SAMPLES.unpack(last)
    try:
        header = CdcHeader(
            _parse_names(data, lengths),
            TokenFormat(sample_rate, hop_samples, last_code + 1),
            codebooks,
            n_samples,
            _parse_side(optional, flags),
            bytes(optional[-TABLES_ID_BYTES:]) if flags & ENTROPY else None,
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


def _parse_side(optional: memoryview, flags: int) -> SideFormat:
    if not flags & (SCALED | LABELLED | SEGMENTED):
        return NO_SIDE_FORMAT
    labels = segmentation = None
    if flags & LABELLED:
        last_label, hop_samples = LABEL_FIELDS.unpack_from(optional)
        labels = LabelFormat(last_label + 1, hop_samples)
        optional = optional[LABEL_FIELDS.size :]
    if flags & SEGMENTED:
        segmentation = Segmentation(*SEGMENT_FIELDS.unpack_from(optional))
    return SideFormat(bool(flags & SCALED), labels, segmentation)
