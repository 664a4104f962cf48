"""Payloads of models that need whole items: audio or codes, with what belongs beside them.

    u64 samples          u32 body bytes       u32 scales           u32 labels
    u32 segment length   u32 segment stride (0 0 = coded whole)
    f32 scales           body, as in the payloads of other models           u16 labels

All little-endian. Which labels there are is the model's business and not repeated.
"""

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np

from codec.errors import CodecError
from codec.tokens import NO_SIDE, LabelFormat, Labels, Segmentation, SideFormat, SideInformation
from service.ipc import ProtocolError
from service.model_info import ModelInfo
from service.status import Condition, ServiceError, service_error

_HEADER = struct.Struct("<QIIIII")

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One item: `n_samples` per channel; `body`: samples `[sample][channel]` or u16 `[frame][codebook]`."""

    n_samples: int
    body: Buffer
    side: SideInformation = NO_SIDE

    def pack(self) -> bytes:
        """The payload of a message."""
        side = self.side
        scale = np.array(side.scale, "<f4")
        labels = np.empty(0, "<u2") if side.labels is None else side.labels.astype("<u2")
        cut = side.segmentation
        header = _HEADER.pack(
            *(self.n_samples, len(self.body), len(scale), len(labels)),
            *((cut.length_samples, cut.stride_samples) if cut else (0, 0)),
        )
        return b"".join((header, scale.tobytes(), self.body, labels.tobytes()))

    @classmethod
    def parse(cls, payload: Buffer, label_format: LabelFormat | None) -> Self:
        """The item in a payload; `label_format`: of the model, None = it hears no labels.

        Raises `ProtocolError` for lengths that do not add up, and `ServiceError` INVALID_ARGUMENT for values
        that cannot be.
        """
        if len(payload) < _HEADER.size:
            raise ProtocolError(f"an item of {len(payload)} bytes")
        n_samples, body_bytes, n_scales, n_labels, length, stride = _HEADER.unpack_from(payload)
        body_start = _HEADER.size + 4 * n_scales
        labels_start = body_start + body_bytes
        if labels_start + 2 * n_labels != len(payload):
            raise ProtocolError(f"{len(payload)} bytes are no item of {n_scales} scales, {n_labels} labels")
        scale = np.frombuffer(payload, "<f4", n_scales, _HEADER.size)
        labels = np.frombuffer(payload, "<u2", n_labels, labels_start) if n_labels else None
        segmentation = (length, stride) if length or stride else None
        side = make_side(scale.tolist(), labels, segmentation, label_format)
        return cls(n_samples, memoryview(payload)[body_start:labels_start], side)


def make_side(
    scale: list[float],
    labels: Labels | None,
    segmentation: tuple[int, int] | None,
    label_format: LabelFormat | None,
) -> SideInformation:
    """Side information that came from outside; `segmentation`: length and stride.

    Raises `ServiceError` INVALID_ARGUMENT for values that cannot be.
    """
    if labels is not None and label_format is None:
        raise _invalid("there are labels, but the model hears none; leave them out")
    if not scale and labels is None and segmentation is None:
        return NO_SIDE
    try:
        cut = Segmentation(*segmentation) if segmentation else None
        return SideInformation(tuple(scale), labels, label_format if labels is not None else None, cut)
    except CodecError as error:
        raise service_error(error) from error


def check_labels(labels: Labels | None, n_samples: int, info: ModelInfo) -> None:
    """Raise `ServiceError` unless there are exactly the labels that the model hears beside the audio."""
    form = info.label_format
    if form is None:
        if labels is not None:
            raise _invalid(f"{info.model} hears no labels; leave them out")
        return
    needed = form.count(n_samples)
    if labels is None or len(labels) != needed:
        there = "none" if labels is None else len(labels)
        raise _invalid(
            f"{info.model} hears a label for every {form.hop_samples} samples at {info.sample_rate} Hz, here "
            f"{needed}; there are {there}"
        )


def check_side(side: SideInformation, n_samples: int, n_frames: int, info: ModelInfo) -> None:
    """Raise `ServiceError` unless codes of an item of the model have just this beside them."""
    expected = info.side_format(n_samples)
    if side.format != expected:
        raise _invalid(
            f"{info.model} has {_words(expected)} beside the codes of such an item, and the tokens have "
            f"{_words(side.format)}; send them as they were encoded, with their number of samples"
        )
    try:
        side.check_fits(n_samples, n_frames, info.hop_samples)
    except CodecError as error:
        raise service_error(error) from error


def _words(form: SideFormat) -> str:
    parts = ["scales"] if form.scaled else []
    parts += [f"labels 0..{form.labels.labels - 1}"] if form.labels else []
    if form.segmentation:
        cut = form.segmentation
        parts.append(f"segments of {cut.length_samples} samples every {cut.stride_samples}")
    return ", ".join(parts) or "nothing"


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
