"""A small engine for whole items whose every output is a checksum of the piece that it belongs to.

Any mix-up of pieces, labels, scales or order gives other codes, so whole schedules can be checked against
`reference_encoded` and `reference_decoded`, which see one item alone.
"""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from codec.tokens import Labels, Segmentation, SideInformation
from service.ipc import Operation
from service.item import Item
from service.model_info import ModelInfo
from service.worker.cost import CostModel
from service.worker.cutter import Cutter
from service.worker.engine import Geometry, Piece

HOP, LABEL_HOP, LENGTH, STRIDE, WHOLE = 4, 2, 40, 32, 60
INFO = ModelInfo(
    "items", "1-0123456789ab", "ts-items", 200, 2, HOP, 0, 3, 1024, streamable=False, slots=0,
    scaled=True, labels=50, label_hop_samples=LABEL_HOP,
    segment_length_samples=LENGTH, segment_stride_samples=STRIDE, whole_samples=WHOLE,
)  # fmt: skip
GEOMETRY = Geometry(200, 2, HOP, 0, 3, 1024)


def segment_frames(n_samples: int) -> int:
    """Frames of a piece; one more than its samples fill, as centred spectra give."""
    return n_samples // HOP + 1


def cutter() -> Cutter:
    """The cutter of the oracle's model."""
    return Cutter(INFO, segment_frames)


def costs(fixed: float = 0.001, per_frame: float = 0.002) -> dict[Operation, CostModel]:
    """The same cost model for either operation."""
    return {operation: CostModel(fixed, per_frame, 0.0) for operation in Operation}


def sound(n_samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Samples `[sample, channel]`."""
    return np.random.default_rng(seed).standard_normal((n_samples, 2)).astype(np.float32)


def words(n_samples: int, seed: int = 0) -> Labels:
    """Labels of so many samples."""
    return np.random.default_rng(seed).integers(0, 50, -(-n_samples // LABEL_HOP)).astype(np.uint16)


def audio_item(n_samples: int, seed: int = 0) -> Item:
    """What the payload of an encoding JOB holds."""
    side = SideInformation((), words(n_samples, seed), INFO.label_format)
    return Item(n_samples, sound(n_samples, seed).tobytes(), side)


class ItemOracle:
    """An `ItemEngine`; `on_step` is called before each step with the number of pieces and frames."""

    def __init__(self, on_step: Callable[[int, int], None]) -> None:
        self.batches: list[list[int]] = []
        self.on_step = on_step

    def encode(self, pieces: Sequence[Piece], n_q: int) -> list[Piece]:
        """See `ItemEngine`."""
        self._begin(pieces)
        return [_encoded(piece, n_q) for piece in pieces]

    def decode(self, pieces: Sequence[Piece]) -> list[Piece]:
        """See `ItemEngine`."""
        self._begin(pieces)
        return [_decoded(piece) for piece in pieces]

    def join(self, pieces: Sequence[Piece], n_samples: int) -> NDArray[np.float32]:
        """See `ItemEngine`; without a cross-fade."""
        if len(pieces) == 1:
            return pieces[0].items[:n_samples]
        return np.concatenate([piece.items[:STRIDE] for piece in pieces])[:n_samples]

    def _begin(self, pieces: Sequence[Piece]) -> None:
        self.batches.append([piece.n_samples for piece in pieces])
        self.on_step(len(pieces), max(segment_frames(piece.n_samples) for piece in pieces))


def _encoded(piece: Piece, n_q: int) -> Piece:
    assert len(piece.items) == piece.n_samples
    assert piece.labels is not None
    checksum = zlib.crc32(piece.labels.tobytes(), zlib.crc32(piece.items.tobytes()))
    draw = np.random.default_rng(checksum).integers(0, 1024, (segment_frames(piece.n_samples), 3))
    return Piece(piece.n_samples, draw.astype(np.uint16)[:, :n_q], 1.0 + (checksum & 7), piece.labels)


def _decoded(piece: Piece) -> Piece:
    assert piece.labels is not None
    checksum = zlib.crc32(piece.labels.tobytes(), zlib.crc32(np.ascontiguousarray(piece.items).tobytes()))
    size = (len(piece.items) * HOP, 2)
    samples = np.random.default_rng(checksum).standard_normal(size).astype(np.float32)
    return Piece(piece.n_samples, samples * np.float32(piece.scale))


def _starts(n_samples: int) -> list[tuple[int, int]]:
    """Where each piece starts and ends, said again without the code under test."""
    if n_samples <= WHOLE:
        return [(0, n_samples)]
    return [(start, min(start + LENGTH, n_samples)) for start in range(0, n_samples, STRIDE)]


def reference_encoded(n_samples: int, n_q: int, seed: int = 0) -> Item:
    """What the RESULT for `audio_item` must hold."""
    samples, labels = sound(n_samples, seed), words(n_samples, seed)
    done = [
        _encoded(Piece(b - a, samples[a:b], None, labels[a // LABEL_HOP : -(-b // LABEL_HOP)]), n_q)
        for a, b in _starts(n_samples)
    ]
    scale = tuple(float(piece.scale or 0) for piece in done)
    cut = Segmentation(LENGTH, STRIDE) if n_samples > WHOLE else None
    codes = np.concatenate([piece.items for piece in done])
    return Item(n_samples, codes.tobytes(), SideInformation(scale, labels, INFO.label_format, cut))


def reference_decoded(coded: Item, n_q: int) -> NDArray[np.float32]:
    """Samples `[sample, channel]` of such an item."""
    codes = np.frombuffer(coded.body, np.uint16).reshape(-1, n_q)
    labels = coded.side.labels
    assert labels is not None
    first, pieces = 0, []
    for (a, b), scale in zip(_starts(coded.n_samples), coded.side.scale, strict=True):
        own = codes[first : first + segment_frames(b - a)]
        first += len(own)
        pieces.append(_decoded(Piece(b - a, own, scale, labels[a // LABEL_HOP : -(-b // LABEL_HOP)])))
    if len(pieces) == 1:
        return np.asarray(pieces[0].items[: coded.n_samples])
    return np.concatenate([piece.items[:STRIDE] for piece in pieces])[: coded.n_samples]
