"""Fewer codebooks without decoding: a lower bitrate from the same file."""

from dataclasses import replace
from typing import BinaryIO

from codec.container.index import Index
from codec.container.reader import CdcReader, CdcSource
from codec.errors import InvalidRequestError


def thin_cdc(source: CdcSource, sink: BinaryIO, n_q: int) -> None:
    """Copy a `.cdc` file with at most `n_q` codebooks per block, block by block, without a model.

    Frames, samples and identity stay as they are. Raises `InvalidRequestError` unless `n_q` is in 1..the
    codebooks of the file, and `ContainerError` for a damaged or unfinished file, after whose last good block
    the copy then ends unfinished too.
    """
    with CdcReader(source) as reader:
        header = reader.header
        if not 1 <= n_q <= header.codebooks:
            raise InvalidRequestError(
                f"n_q of {n_q} is outside 1..{header.codebooks}, the codebooks of the file"
            )
        sink.write(replace(header, codebooks=n_q).pack())
        entries = bytearray()
        for block in reader.packed_blocks():
            thinned = block.thin(n_q)
            sink.write(thinned.pack())
            entries += thinned.index_entry()
        sink.write(Index(bytes(entries), reader.n_samples, header.n_samples is not None).pack())
        sink.flush()
