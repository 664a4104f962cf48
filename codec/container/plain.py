"""Whole `.cdc` files of codes alone, as a service answers with thousands of times a second."""

import zlib

from codec.container.block import PackedBlock
from codec.container.header import CdcHeader
from codec.container.index import Index
from codec.container.layout import CRC32, SAMPLES
from codec.container.whole import write_cdc
from codec.container.writer import usual_block
from codec.errors import InvalidTokensError
from codec.tokens import Codes, TokenFormat, TokenIdentity, Tokens


class PlainCdc:
    """Writes files of one identity, format and number of codebooks: what `write_cdc` writes, in a third of
    the time if one block holds it.

    Raises `InvalidTokensError` for a number of codebooks out of range.
    """

    def __init__(self, identity: TokenIdentity, token_format: TokenFormat, codebooks: int) -> None:
        header = CdcHeader(identity, token_format, codebooks, n_samples=0)
        self._identity = identity
        self._format = token_format
        self._bits = token_format.bits_per_code
        self._block_frames = usual_block(header)
        # The sample count is the last field of the header; all before it is the same in every file.
        self._start = header.pack()[: -SAMPLES.size - CRC32.size]
        self._start_crc32 = zlib.crc32(self._start)

    def write(self, codes: Codes, n_samples: int) -> bytes:
        """A file of codes uint16 `[codebook, frame]` of `n_samples` of audio.

        Raises `InvalidTokensError` for codes outside the codebook and more samples than the frames hold,
        and like `write_cdc`.
        """
        form, n_frames = self._format, codes.shape[1]
        if not 0 < n_frames <= self._block_frames:
            tokens = Tokens(
                codes, self._identity, form.sample_rate, form.hop_samples, n_samples, form.codebook_size
            )
            return write_cdc(tokens)
        if codes.max() >= form.codebook_size:
            raise InvalidTokensError(f"code {codes.max()} is outside 0..{form.codebook_size - 1}")
        if not 0 <= n_samples <= n_frames * form.hop_samples:
            raise InvalidTokensError(f"{n_samples} samples do not fit {n_frames} frames")
        samples = SAMPLES.pack(n_samples)
        check = CRC32.pack(zlib.crc32(samples, self._start_crc32))
        block = PackedBlock.from_codes(0, codes, self._bits)
        index = Index(block.index_entry(), n_samples, measured=True)
        return b"".join((self._start, samples, check, block.pack(), index.pack()))
