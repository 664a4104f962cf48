"""Small tokens and files for the container tests."""

import io
from functools import cache

import numpy as np

from codec.container import CdcHeader, CdcWriter, RowCoder
from codec.entropy import fit_tables
from codec.tokens import (
    Codes,
    LabelFormat,
    Segmentation,
    SideFormat,
    SideInformation,
    TokenFormat,
    TokenIdentity,
    Tokens,
)

IDENTITY = TokenIdentity("stream_16k", "1-0123456789ab", "0123456789abcdef")
FORMAT = TokenFormat(16_000, 320, 1024)

SMALL = TokenFormat(16_000, 320, 16)
LABELS = LabelFormat(86, 160)
SEGMENTATION = Segmentation(3200, 2880)
FULL_SIDE = SideFormat(scaled=True, labels=LABELS, segmentation=SEGMENTATION)


def random_codes(n_q: int, n_frames: int, seed: int = 0, codebook_size: int = 1024) -> Codes:
    rng = np.random.default_rng(seed)
    return rng.integers(0, codebook_size, (n_q, n_frames)).astype(np.uint16)


def skewed_codes(n_q: int, n_frames: int, seed: int = 0) -> Codes:
    """Codes of `SMALL` that entropy coding makes smaller."""
    rng = np.random.default_rng(seed)
    return np.minimum(15, rng.geometric(0.85, (n_q, n_frames)) - 1).astype(np.uint16)


@cache
def small_coder() -> RowCoder:
    """The entropy coder of `skewed_codes` with four codebooks."""
    return fit_tables([skewed_codes(4, 2000, seed) for seed in range(4)], 16).coder()


def make_tokens(n_q: int = 8, n_frames: int = 502, n_samples: int | None = 160_000) -> Tokens:
    """Ten seconds as the default model codes them."""
    return Tokens(random_codes(n_q, n_frames), IDENTITY, 16_000, 320, n_samples, 1024)


def make_side(n_samples: int, side: SideFormat = FULL_SIDE) -> SideInformation:
    """Side information of an item; no two segments have the same scale."""
    labels = None
    if side.labels:
        count = side.labels.count(n_samples)
        labels = np.random.default_rng(n_samples).integers(0, side.labels.labels, count).astype(np.uint16)
    scale = tuple(2.0 ** -(k + 1) for k in range(side.count(n_samples))) if side.scaled else ()
    return SideInformation(scale, labels, side.labels, side.segmentation)


def make_segmented(n_samples: int = 15_000, extra_samples: int = 1, n_q: int = 4) -> Tokens:
    """Tokens of `SMALL` in segments, of a model that gives ceil((samples + extra) / hop) frames for each."""
    lengths = [SEGMENTATION.length_of(k, n_samples) for k in range(SEGMENTATION.count(n_samples))]
    n_frames = sum(-(-(length + extra_samples) // 320) for length in lengths)
    return Tokens(skewed_codes(n_q, n_frames), IDENTITY, 16_000, 320, n_samples, 16, make_side(n_samples))


def make_file(codes: Codes, block_frames: int, n_samples: int | None = None, finish: bool = True) -> bytes:
    """A file with blocks of a chosen length."""
    sink = io.BytesIO()
    writer = CdcWriter(sink, CdcHeader(IDENTITY, FORMAT, codes.shape[0]), block_frames)
    writer.append(codes)
    writer.flush()
    if finish:
        writer.finish(n_samples)
    return sink.getvalue()


def make_segmented_file(tokens: Tokens, block_frames: int, coder: RowCoder | None = None) -> bytes:
    """A file of segmented tokens with blocks of a chosen length, whose sample count comes at the end."""
    sink = io.BytesIO()
    side = tokens.side
    writer = CdcWriter(
        sink, CdcHeader(IDENTITY, tokens.format, tokens.n_q, side=side.format), block_frames, coder
    )
    assert side.labels is not None
    assert side.segmentation is not None
    assert tokens.n_samples is not None
    first = 0
    for number, n_frames in enumerate(
        side.segmentation.frames(tokens.n_samples, tokens.n_frames, tokens.hop_samples)
    ):
        labels = side.labels[side.format.labels_in(number, tokens.n_samples)]
        writer.begin_segment(side.scale[number], labels)
        writer.append(tokens.codes[:, first : first + n_frames])
        first += n_frames
    writer.finish(tokens.n_samples)
    return sink.getvalue()
