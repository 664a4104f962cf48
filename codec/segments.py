"""Segments of long items (Encodec's 48 kHz model): cut for the encoder, cross-faded after the decoder."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from codec.errors import InvalidTokensError
from codec.model import Encoded
from codec.quantizer import ABSENT
from codec.seanet_config import SeanetCodecConfig


def cut(audio: Tensor, lengths: Sequence[int], config: SeanetCodecConfig) -> tuple[Tensor, tuple[int, ...]]:
    """All segments of all items, `[segment, channel, sample]`, item by item, and their lengths.

    `audio`: `[batch, channel, sample]`. A model without segments gets the batch back.
    """
    if config.segments is None:
        return audio[..., : max(lengths)], tuple(lengths)
    pieces, cut_lengths = [], []
    for item, length in zip(audio, lengths, strict=True):
        for index, samples in enumerate(config.segment_lengths(length)):
            start = index * config.segments.stride_samples
            pieces.append(item[:, start : start + samples])
            cut_lengths.append(samples)
    longest = max(cut_lengths)
    padded = [functional.pad(piece, (0, longest - piece.shape[-1])) for piece in pieces]
    return torch.stack(padded), tuple(cut_lengths)


def items_of(
    rows: Tensor, n_frames: tuple[int, ...], lengths: tuple[int, ...], config: SeanetCodecConfig
) -> tuple[Tensor, tuple[int, ...]]:
    """Codes `[batch, codebook, frame]` of codes `[segment, codebook, frame]`, and the frames of each item."""
    if config.segments is None:
        return rows, n_frames
    codes, first = [], 0
    for length in lengths:
        count = len(config.segment_lengths(length))
        pieces = [rows[i, :, : n_frames[i]] for i in range(first, first + count)]
        codes.append(torch.cat(pieces, dim=-1))
        first += count
    longest = max(item.shape[-1] for item in codes)
    padded = [functional.pad(item, (0, longest - item.shape[-1]), value=ABSENT) for item in codes]
    return torch.stack(padded), tuple(item.shape[-1] for item in codes)


def segments_of(encoded: Encoded, config: SeanetCodecConfig) -> tuple[Tensor, tuple[int, ...]]:
    """Codes `[segment, codebook, frame]` of those of items, and the frames of each segment.

    Raises `InvalidTokensError` unless every item has the frames that its samples need.
    """
    for n_samples, n_frames in zip(encoded.n_samples, encoded.n_frames, strict=True):
        if n_samples < 1 or n_frames != config.frames_for(n_samples) or n_frames > encoded.codes.shape[-1]:
            raise InvalidTokensError(
                f"{n_frames} frames for {n_samples} samples; this model has {config.frames_for(n_samples)}"
            )
    if len(encoded.n_samples) != encoded.codes.shape[0]:
        raise InvalidTokensError(
            f"{len(encoded.n_samples)} lengths for {encoded.codes.shape[0]} items of codes"
        )
    if config.segments is None:
        return encoded.codes[..., : max(encoded.n_frames)], encoded.n_frames
    rows = []
    for codes, length in zip(encoded.codes, encoded.n_samples, strict=True):
        counts = [config.segment_frames(samples) for samples in config.segment_lengths(length)]
        rows += list(codes[:, : sum(counts)].split(counts, dim=-1))
    longest = max(row.shape[-1] for row in rows)
    padded = [functional.pad(row, (0, longest - row.shape[-1]), value=ABSENT) for row in rows]
    return torch.stack(padded), tuple(row.shape[-1] for row in rows)


def scale_of_items(scale: Tensor, lengths: Sequence[int], config: SeanetCodecConfig) -> Tensor:
    """`[batch, segment]` of `[segment]`; after an item's last segment the scale is 0."""
    counts = [len(config.segment_lengths(length)) for length in lengths]
    rows = scale.split(counts)
    return torch.stack([functional.pad(row, (0, max(counts) - row.shape[0])) for row in rows])


def scale_of_segments(scale: Tensor, lengths: Sequence[int], config: SeanetCodecConfig) -> Tensor:
    """`[segment]` of `[batch, segment]`. Raises `InvalidTokensError` if an item has too few."""
    counts = [len(config.segment_lengths(length)) for length in lengths]
    if scale.dim() != 2 or scale.shape[0] != len(counts) or scale.shape[1] < max(counts):
        raise InvalidTokensError(f"scale must be [{len(counts)}, {max(counts)}], one for every segment")
    return torch.cat([row[:count] for row, count in zip(scale, counts, strict=True)])


def join(
    audio: Tensor, n_frames: tuple[int, ...], lengths: tuple[int, ...], config: SeanetCodecConfig
) -> Tensor:
    """Items `[batch, channel, sample]` of decoded `[segment, channel, sample]`, not cut to their length."""
    if config.segments is None:
        return audio
    items, first = [], 0
    for length in lengths:
        count = len(config.segment_lengths(length))
        pieces = [audio[i, :, : n_frames[i] * config.hop_samples] for i in range(first, first + count)]
        items.append(joined(pieces, config.segments.stride_samples))
        first += count
    longest = max(item.shape[-1] for item in items)
    return torch.stack([functional.pad(item, (0, longest - item.shape[-1])) for item in items])


def joined(segments: Sequence[Tensor], stride_samples: int) -> Tensor:
    """One item `[channel, sample]` of its decoded segments, one every `stride_samples`.

    Where two overlap they are mixed by triangles as long as the first segment, which is the longest.
    """
    first = segments[0].shape[-1]
    ramp = torch.arange(1, first + 1, dtype=torch.float32, device=segments[0].device) / (first + 1)
    triangle = 0.5 - (ramp - 0.5).abs()
    total = stride_samples * (len(segments) - 1) + segments[-1].shape[-1]
    mixed = segments[0].new_zeros(segments[0].shape[0], total)
    weight = segments[0].new_zeros(total)
    for index, segment in enumerate(segments):
        place = slice(index * stride_samples, index * stride_samples + segment.shape[-1])
        mixed[:, place] += triangle[: segment.shape[-1]] * segment
        weight[place] += triangle[: segment.shape[-1]]
    return mixed / weight
