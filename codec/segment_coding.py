"""Recordings of any length through a codec that needs whole items: at once, or segment by segment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codec.audio import Samples
from codec.checks import check_codes, check_finite, check_n_q
from codec.encoded import Encoded
from codec.errors import InvalidTokensError
from codec.seanet_config import SegmentConfig
from codec.seanet_model import SeanetCodec
from codec.segments import cross_fade
from codec.side import Labels


@dataclass(frozen=True, eq=False, slots=True)
class CodedSegment:
    """A stretch of audio that was coded as one: `codes` integers `[codebook, frame]`, `ABSENT` where lost,
    and the `scale` and labels `[label]` that the model has beside them.
    """

    codes: NDArray[Any]
    n_samples: int
    scale: float | None = None
    labels: Labels | None = None


class SampleWindow:
    """The samples `[channel, sample]` at hand of a recording that comes in blocks."""

    def __init__(self, blocks: Iterator[Samples], channels: int) -> None:
        self._blocks = blocks
        self.samples = np.zeros((channels, 0), np.float32)

    def fill(self, count: int) -> bool:
        """Read until there are `count` samples; False if the recording ends before."""
        pieces, held = [self.samples], self.samples.shape[1]
        while held < count and (block := next(self._blocks, None)) is not None:
            pieces.append(block)
            held += block.shape[1]
        self.samples = np.concatenate(pieces, axis=1)
        return held >= count

    def skip(self, count: int) -> None:
        """Move forward."""
        self.samples = self.samples[:, count:].copy()


def encode_segments(
    codec: SeanetCodec, window: SampleWindow, plan: SegmentConfig | None, n_q: int, labels: Labels | None
) -> Iterator[CodedSegment]:
    """The segments of a recording; one, all that the window holds, without a plan.

    `labels`: those of the whole recording. Raises what `SeanetCodec.encode` does.
    """
    check_n_q(n_q, codec.config.quantizer)
    if plan is None:
        yield _encode(codec, window.samples, n_q, labels)
        return
    start = 0
    window.fill(plan.length_samples)
    while window.samples.shape[1]:
        samples = window.samples[:, : plan.length_samples]
        yield _encode(codec, samples, n_q, _own_labels(codec, labels, start, samples.shape[1]))
        start += plan.stride_samples
        window.skip(plan.stride_samples)
        window.fill(plan.length_samples)


def decode_segments(
    codec: SeanetCodec, segments: Iterable[CodedSegment], plan: SegmentConfig | None
) -> Iterator[Samples]:
    """Audio `[channel, sample]` of the segments of a recording, cross-faded, piece by piece.

    The last piece may be longer than the recording by less than a frame. Raises `InvalidTokensError` for
    codes out of range, and frames, scales or labels that do not fit.
    """
    decoded = (_decode(codec, segment) for segment in segments)
    pieces = decoded if plan is None else cross_fade(decoded, plan.stride_samples)
    return (piece.numpy() for piece in pieces)


def _encode(codec: SeanetCodec, samples: Samples, n_q: int, labels: Labels | None) -> CodedSegment:
    audio = torch.from_numpy(samples).unsqueeze(0)
    check_finite(audio)
    encoded = codec.encode_segments(audio, n_q, (samples.shape[1],), _words(labels))
    scale = None if encoded.scale is None else float(encoded.scale[0, 0])
    return CodedSegment(encoded.codes[0].numpy().astype(np.uint16), samples.shape[1], scale, labels)


def _decode(codec: SeanetCodec, segment: CodedSegment) -> Tensor:
    config, frames = codec.config, segment.codes.shape[1]
    if segment.n_samples < 1 or frames != config.segment_frames(segment.n_samples):
        raise InvalidTokensError(
            f"{frames} frames for a segment of {segment.n_samples} samples do not fit; encode the audio again"
        )
    if (segment.scale is None) != (config.level == "none"):
        raise InvalidTokensError(
            "the tokens lack the scale of the level that this model takes out; encode the audio again"
        )
    codes = torch.from_numpy(segment.codes.astype(np.int64)).unsqueeze(0)
    check_codes(codes, config.quantizer)
    scale = None if segment.scale is None else torch.tensor([[segment.scale]])
    labels = _words(segment.labels)
    audio = codec.decode_segments(Encoded(codes, (segment.n_samples,), (frames,), scale, labels))
    return audio[0, :, : frames * config.hop_samples]


def _own_labels(codec: SeanetCodec, labels: Labels | None, start: int, n_samples: int) -> Labels | None:
    """Of the labels of a recording, those of the `n_samples` from sample `start` on."""
    if labels is None or codec.config.semantic is None:
        return None
    first = start // codec.config.semantic.hop_samples
    return labels[first : first + codec.config.labels_for(n_samples)]


def _words(labels: Labels | None) -> Tensor | None:
    return None if labels is None else torch.from_numpy(labels.astype(np.int64)).unsqueeze(0)
