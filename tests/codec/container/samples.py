"""Small tokens and files for the container tests."""

import io

import numpy as np

from codec.container import CdcHeader, CdcWriter
from codec.tokens import Codes, TokenFormat, TokenIdentity, Tokens

IDENTITY = TokenIdentity("stream_16k", "1-0123456789ab", "0123456789abcdef")
FORMAT = TokenFormat(16_000, 320, 1024)


def random_codes(n_q: int, n_frames: int, seed: int = 0, codebook_size: int = 1024) -> Codes:
    rng = np.random.default_rng(seed)
    return rng.integers(0, codebook_size, (n_q, n_frames)).astype(np.uint16)


def make_tokens(n_q: int = 8, n_frames: int = 502, n_samples: int | None = 160_000) -> Tokens:
    """Ten seconds as the default model codes them."""
    return Tokens(random_codes(n_q, n_frames), IDENTITY, 16_000, 320, n_samples, 1024)


def make_file(codes: Codes, block_frames: int, n_samples: int | None = None, finish: bool = True) -> bytes:
    """A file with blocks of a chosen length."""
    sink = io.BytesIO()
    writer = CdcWriter(sink, CdcHeader(IDENTITY, FORMAT, codes.shape[0]), block_frames)
    writer.append(codes)
    writer.flush()
    if finish:
        writer.finish(n_samples)
    return sink.getvalue()
