"""Segments of long items: cut for the encoder, cross-faded after the decoder."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from codec.encoded import Encoded
from codec.errors import InvalidTokensError
from codec.quantizer import ABSENT
from codec.seanet_config import SeanetCodecConfig


def cut(audio: Tensor, lengths: Sequence[int], config: SeanetCodecConfig) -> tuple[Tensor, tuple[int, ...]]:
    """All segments of all items, `[segment, channel, sample]`, item by item, and their lengths.

    `audio`: `[batch, channel, sample]`. Items that are coded whole come back as they are.
    """
    if not any(map(config.segments_for, lengths)):
        return audio[..., : max(lengths)], tuple(lengths)
    pieces, cut_lengths = [], []
    for item, length in zip(audio, lengths, strict=True):
        plan = config.segments_for(length)
        for index, samples in enumerate(config.segment_lengths(length)):
            start = index * plan.stride_samples if plan else 0
            pieces.append(item[:, start : start + samples])
            cut_lengths.append(samples)
    longest = max(cut_lengths)
    padded = [functional.pad(piece, (0, longest - piece.shape[-1])) for piece in pieces]
    return torch.stack(padded), tuple(cut_lengths)


def items_of(
    rows: Tensor, n_frames: tuple[int, ...], lengths: tuple[int, ...], config: SeanetCodecConfig
) -> tuple[Tensor, tuple[int, ...]]:
    """Codes `[batch, codebook, frame]` of codes `[segment, codebook, frame]`, and the frames of each item."""
    if len(rows) == len(lengths):
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
    if not len(encoded.n_samples) == len(encoded.n_frames) == encoded.codes.shape[0]:
        raise InvalidTokensError(
            f"{len(encoded.n_samples)} lengths for {encoded.codes.shape[0]} items of codes"
        )
    for n_samples, n_frames in zip(encoded.n_samples, encoded.n_frames, strict=True):
        if n_samples < 1 or n_frames != config.frames_for(n_samples) or n_frames > encoded.codes.shape[-1]:
            raise InvalidTokensError(
                f"{n_frames} frames for {n_samples} samples; this model has {config.frames_for(n_samples)}"
            )
    if not any(map(config.segments_for, encoded.n_samples)):
        return encoded.codes[..., : max(encoded.n_frames)], encoded.n_frames
    rows = []
    for codes, length in zip(encoded.codes, encoded.n_samples, strict=True):
        counts = [config.segment_frames(samples) for samples in config.segment_lengths(length)]
        rows += list(codes[:, : sum(counts)].split(counts, dim=-1))
    longest = max(row.shape[-1] for row in rows)
    padded = [functional.pad(row, (0, longest - row.shape[-1]), value=ABSENT) for row in rows]
    return torch.stack(padded), tuple(row.shape[-1] for row in rows)


def labels_of_segments(labels: Tensor, lengths: Sequence[int], config: SeanetCodecConfig) -> Tensor:
    """Labels `[segment, label]` of items' labels `[batch, label]`: those of the samples of each segment."""
    if not any(map(config.segments_for, lengths)):
        return labels
    assert config.semantic is not None
    rows = []
    for row, length in zip(labels, lengths, strict=True):
        plan = config.segments_for(length)
        stride = plan.stride_samples // config.semantic.hop_samples if plan else 0
        for index, samples in enumerate(config.segment_lengths(length)):
            rows.append(row[index * stride : index * stride + config.labels_for(samples)])
    longest = max(row.shape[0] for row in rows)
    return torch.stack([functional.pad(row, (0, longest - row.shape[0])) for row in rows])


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
    if len(audio) == len(lengths):
        return audio
    items, first = [], 0
    for length in lengths:
        count = len(config.segment_lengths(length))
        pieces = [audio[i, :, : n_frames[i] * config.hop_samples] for i in range(first, first + count)]
        plan = config.segments_for(length)
        items.append(torch.cat(list(cross_fade(pieces, plan.stride_samples)), -1) if plan else pieces[0])
        first += count
    longest = max(item.shape[-1] for item in items)
    return torch.stack([functional.pad(item, (0, longest - item.shape[-1])) for item in items])


def cross_fade(segments: Iterable[Tensor], stride_samples: int) -> Iterator[Tensor]:
    """One item, in pieces `[channel, sample]`, of its decoded segments, one every `stride_samples`.

    Where two overlap they are mixed by triangles as long as the first segment, which is the longest.
    """
    window, mixed, weight = torch.empty(0), torch.empty(0, 0), torch.empty(0)
    for number, segment in enumerate(segments):
        if not number:
            window, mixed, weight = _triangle(segment), segment[:, :0], segment[0, :0]
        size = segment.shape[-1]
        missing = max(0, size - mixed.shape[-1])
        mixed, weight = functional.pad(mixed, (0, missing)), functional.pad(weight, (0, missing))
        mixed[:, :size] += window[:size] * segment
        weight[:size] += window[:size]
        yield mixed[:, :stride_samples] / weight[:stride_samples]
        mixed, weight = mixed[:, stride_samples:], weight[stride_samples:]
    if mixed.shape[-1]:
        yield mixed / weight


def _triangle(segment: Tensor) -> Tensor:
    size = segment.shape[-1]
    ramp = torch.arange(1, size + 1, dtype=torch.float32, device=segment.device) / (size + 1)
    return 0.5 - (ramp - 0.5).abs()
