"""Whole items to the pieces that a model codes as one, and what comes of them to a payload."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec.tokens import Labels, SideFormat, SideInformation
from service.ipc import Message, Operation
from service.item import Item, check_labels, check_side
from service.model_info import ModelInfo
from service.samples import SampleForm, pack
from service.status import Condition, ServiceError
from service.worker import payload
from service.worker.engine import ItemEngine, Piece


@dataclass(frozen=True, slots=True, eq=False)
class CutItem:
    """An item of `n_samples` as its pieces, and its side information as far as that has come.

    `form`: of samples that are wanted of it.
    """

    operation: Operation
    form: SampleForm
    n_samples: int
    side: SideInformation
    pieces: tuple[Piece, ...]


class Cutter:
    """Cuts the items of one model; `segment_frames`: the frames that a piece of so many samples gives."""

    def __init__(self, info: ModelInfo, segment_frames: Callable[[int], int]) -> None:
        self._info = info
        self._segment_frames = segment_frames

    def frames(self, piece: Piece) -> int:
        """Frames that a piece gives or has."""
        return self._segment_frames(piece.n_samples)

    def cut(self, message: Message) -> CutItem:
        """The pieces of the payload of a JOB.

        Raises `ServiceError` INVALID_ARGUMENT for samples, codes and side information that the model does
        not have, and `ProtocolError` for bytes that are no item.
        """
        form = payload.form_of(message.form)
        item = Item.parse(message.payload, self._info.label_format)
        if message.operation == Operation.ENCODE:
            return self._cut_samples(item, form)
        return self._cut_codes(item, form, message.n_q)

    def finish(self, item: CutItem, done: Sequence[Piece], engine: ItemEngine) -> bytes:
        """The payload of a RESULT: what the pieces of the item became."""
        if item.operation == Operation.DECODE:
            samples = engine.join(done, item.n_samples)
            return Item(item.n_samples, pack(samples, item.form)).pack()
        codes = np.concatenate([piece.items for piece in done])
        scale = tuple(piece.scale for piece in done if piece.scale is not None)
        form = self._info.side_format(item.n_samples)
        side = SideInformation(scale, item.side.labels, item.side.label_format, form.segmentation)
        return Item(item.n_samples, codes.astype("<u2", copy=False).tobytes(), side).pack()

    def _cut_samples(self, item: Item, sample_form: SampleForm) -> CutItem:
        samples = payload.samples_of(item.body, sample_form, self._info.channels)
        if not len(samples) or len(samples) != item.n_samples:
            raise _invalid(f"{len(samples)} samples cannot be an item of {item.n_samples}; send at least one")
        if item.side.scale or item.side.segmentation:
            raise _invalid("audio comes with labels at most; scales and segments are found while it is coded")
        check_labels(item.side.labels, item.n_samples, self._info)
        form = self._info.side_format(item.n_samples)
        stride = form.segmentation.stride_samples if form.segmentation else 0
        pieces = []
        for number, size in enumerate(_sizes(form, item.n_samples)):
            heard = samples[number * stride : number * stride + size]
            pieces.append(Piece(size, heard, None, _labels(item, form, number)))
        return CutItem(Operation.ENCODE, sample_form, item.n_samples, item.side, tuple(pieces))

    def _cut_codes(self, item: Item, sample_form: SampleForm, n_q: int) -> CutItem:
        codes = payload.codes_of(item.body, n_q, self._info.codebook_size)
        # Before anything of the size of the item is made: a claim of many samples costs nothing.
        if not 0 < item.n_samples <= len(codes) * self._info.hop_samples:
            raise _invalid(f"{item.n_samples} samples cannot be {len(codes)} frames; send the right length")
        check_side(item.side, item.n_samples, len(codes), self._info)
        form = self._info.side_format(item.n_samples)
        sizes = _sizes(form, item.n_samples)
        counts = [self._segment_frames(size) for size in sizes]
        if sum(counts) != len(codes):
            raise _invalid(
                f"{len(codes)} frames for {item.n_samples} samples; this model has {sum(counts)} for so many"
            )
        rows: list[NDArray[np.uint16]] = np.split(codes, np.cumsum(counts)[:-1])
        scales = item.side.scale or (None,) * len(rows)
        pieces = [
            Piece(size, row, scale, _labels(item, form, number))
            for number, (size, row, scale) in enumerate(zip(sizes, rows, scales, strict=True))
        ]
        return CutItem(Operation.DECODE, sample_form, item.n_samples, item.side, tuple(pieces))


def _sizes(form: SideFormat, n_samples: int) -> list[int]:
    """Samples of each piece of an item."""
    if form.segmentation is None:
        return [n_samples]
    return [form.segmentation.length_of(number, n_samples) for number in range(form.count(n_samples))]


def _labels(item: Item, form: SideFormat, number: int) -> Labels | None:
    """The labels of a piece."""
    return None if item.side.labels is None else item.side.labels[form.labels_in(number, item.n_samples)]


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
