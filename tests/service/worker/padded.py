"""What tests of padded engines share: the spectral codec and a SEANet stream, as published models are."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from codec.checkpoint import ready, stream_of
from codec.streaming import StreamingCodec
from tests.service.items import item_codec
from tests.service.tiny import tiny_codec

FAMILIES = ("spectral", "soundstream_16k_stream", "encodec_16k_stream", "freqcodec_16k_stream")


@cache
def stream(family: str) -> StreamingCodec:
    """A small codec in steps."""
    codec = ready(tiny_codec()) if family == "spectral" else item_codec(family)
    made = stream_of(codec)
    assert made is not None
    return made


def sound(codec: StreamingCodec, rows: int, frames: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise `[row, sample, channel]`."""
    shape = (rows, frames * codec.config.hop_samples, codec.config.channels)
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def random_codes(codec: StreamingCodec, rows: int, frames: int, n_q: int, seed: int = 0) -> NDArray[np.int64]:
    """Codes `[row, frame, codebook]`."""
    size = codec.config.quantizer.codebook_size
    return np.random.default_rng(seed).integers(0, size, (rows, frames, n_q))
