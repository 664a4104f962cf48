"""What stands beside the codes of an item: levels, semantic labels, and how the item was cut."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from codec.errors import InvalidTokensError

Labels = NDArray[np.uint16]

MAX_LABELS = 65_536
MAX_LABEL_HOP_SAMPLES = 65_535
MAX_SEGMENT_SAMPLES = 2**32 - 1

_SCALE_RANGE = (float(np.finfo(np.float32).smallest_subnormal), float(np.finfo(np.float32).max))


@dataclass(frozen=True)
class Segmentation:
    """Segment k of an item holds samples k * `stride_samples` up to `length_samples` later.

    The last ones end with the item; there is one for every start inside the item. Raises
    `InvalidTokensError` for values out of range, or a stride that leaves samples out.
    """

    length_samples: int
    stride_samples: int

    def __post_init__(self) -> None:
        check_range("segment length", self.length_samples, 1, MAX_SEGMENT_SAMPLES)
        check_range("segment stride", self.stride_samples, 1, self.length_samples)

    def count(self, n_samples: int) -> int:
        """Segments of an item of `n_samples`."""
        return -(-n_samples // self.stride_samples)

    def length_of(self, number: int, n_samples: int) -> int:
        """Samples of segment `number` of an item of `n_samples`."""
        return min(self.length_samples, n_samples - number * self.stride_samples)

    def frames(self, n_samples: int, n_frames: int, hop_samples: int) -> tuple[int, ...]:
        """How many of an item's `n_frames` belong to each segment.

        A codec gives ceil((samples + e) / hop) frames, where e >= 0 depends on its delay and its padding and
        is the same for every segment. No two splits of that kind have the same sum, so that the sum tells
        the split. Raises `InvalidTokensError` if there is none.
        """
        count = self.count(n_samples)
        if count <= n_frames:
            starts = np.arange(count, dtype=np.int64) * self.stride_samples
            lengths = np.minimum(self.length_samples, n_samples - starts)
            low, high = 0, hop_samples * n_frames
            while low < high:
                extra = (low + high) // 2
                if int((-(-(lengths + extra) // hop_samples)).sum()) < n_frames:
                    low = extra + 1
                else:
                    high = extra
            split = -(-(lengths + low) // hop_samples)
            if int(split.sum()) == n_frames:
                return tuple(split.tolist())
        raise InvalidTokensError(
            f"{n_frames} frames cannot be those of {count} segments ({n_samples} samples); "
            "the tokens are damaged"
        )


@dataclass(frozen=True)
class LabelFormat:
    """Semantic labels 0..`labels` - 1, one for every `hop_samples` of audio.

    Raises `InvalidTokensError` for values out of range.
    """

    labels: int
    hop_samples: int

    def __post_init__(self) -> None:
        check_range("number of labels", self.labels, 2, MAX_LABELS)
        check_range("label hop", self.hop_samples, 1, MAX_LABEL_HOP_SAMPLES)

    @property
    def bits_per_label(self) -> int:
        """Bits that one packed label takes."""
        return (self.labels - 1).bit_length()

    def rate_hz(self, sample_rate: int) -> Fraction:
        """Labels per second, exact."""
        return Fraction(sample_rate, self.hop_samples)

    def bitrate_bps(self, sample_rate: int) -> Fraction:
        """Bits per second of the labels, exact."""
        return self.rate_hz(sample_rate) * self.bits_per_label

    def count(self, n_samples: int) -> int:
        """Labels of `n_samples`."""
        return -(-n_samples // self.hop_samples)


@dataclass(frozen=True)
class SideFormat:
    """Which side information comes with the codes: levels (`scaled`), `labels`, segments.

    `segmentation` None: the item is coded whole. Raises `InvalidTokensError` for segments that start within
    a label.
    """

    scaled: bool = False
    labels: LabelFormat | None = None
    segmentation: Segmentation | None = None

    def __post_init__(self) -> None:
        if self.labels and self.segmentation and self.segmentation.stride_samples % self.labels.hop_samples:
            raise InvalidTokensError(
                f"segments every {self.segmentation.stride_samples} samples start within a label of "
                f"{self.labels.hop_samples}; choose a multiple"
            )

    @property
    def recorded(self) -> bool:
        """Whether every segment (a whole item is one) has a record; live streams and their like have none."""
        return self.scaled or self.labels is not None or self.segmentation is not None

    def count(self, n_samples: int) -> int:
        """Segments of an item of `n_samples`; 1 for an item coded whole."""
        return self.segmentation.count(n_samples) if self.segmentation else 1

    def labels_in(self, number: int, n_samples: int) -> slice:
        """Where the labels of segment `number` lie among those of the item."""
        if self.labels is None:
            return slice(0)
        if self.segmentation is None:
            return slice(self.labels.count(n_samples))
        first = number * self.segmentation.stride_samples // self.labels.hop_samples
        return slice(first, first + self.labels.count(self.segmentation.length_of(number, n_samples)))


@dataclass(frozen=True, eq=False)
class SideInformation:
    """What belongs to the codes of one item.

    `scale`: level factors, one per segment (one for an item coded whole), empty for models that keep the
    level in the codes; `labels`: uint16 `[label]`, read-only, of the whole item; `segmentation` None: coded
    whole. Raises `InvalidTokensError` for scales that are no positive float32, and labels that do not fit
    their format.
    """

    scale: tuple[float, ...] = ()
    labels: Labels | None = None
    label_format: LabelFormat | None = None
    segmentation: Segmentation | None = None

    def __post_init__(self) -> None:
        _ = self.format
        check_scale(self.scale)
        if (self.labels is None) != (self.label_format is None):
            raise InvalidTokensError("labels need their format beside them, and a format its labels")
        if self.labels is not None and self.label_format is not None:
            object.__setattr__(self, "labels", as_labels(self.labels, self.label_format))

    @property
    def format(self) -> SideFormat:
        """Which kinds of side information there are."""
        return SideFormat(bool(self.scale), self.label_format, self.segmentation)

    def check_fits(self, n_samples: int | None, n_frames: int, hop_samples: int) -> None:
        """Raise `InvalidTokensError` unless there are as many of everything as an item of that size has."""
        if not self.format.recorded:
            return
        if n_samples is None:
            if self.segmentation or self.labels is not None:
                raise InvalidTokensError("labels and segments need the number of samples; give n_samples")
            n_samples = 0
        segments = self.format.count(n_samples)
        if len(self.scale) not in (0, segments):
            raise InvalidTokensError(f"{len(self.scale)} scales for {segments} segments; give one for each")
        if self.segmentation:
            self.segmentation.frames(n_samples, n_frames, hop_samples)
        if self.labels is not None and self.label_format is not None:
            expected = self.label_format.count(n_samples)
            if len(self.labels) != expected:
                raise InvalidTokensError(
                    f"{len(self.labels)} labels for {n_samples} samples; there must be {expected}"
                )


def as_labels(values: Labels, label_format: LabelFormat) -> Labels:
    """Read-only labels. Raises `InvalidTokensError` unless uint16 `[label]` and known to the format."""
    if values.ndim != 1 or values.dtype != np.uint16:
        raise InvalidTokensError(f"labels are {values.dtype} {values.shape}; give uint16 [label]")
    if values.size and int(values.max()) >= label_format.labels:
        raise InvalidTokensError(
            f"there is a label {int(values.max())}; they go to {label_format.labels - 1}"
        )
    labels = values.view()
    labels.setflags(write=False)
    return labels


def check_scale(scale: Iterable[float]) -> None:
    """Raise `InvalidTokensError` for a level factor that float32 cannot hold or that is not positive."""
    low, high = _SCALE_RANGE
    if not all(low <= value <= high for value in scale):
        raise InvalidTokensError("a scale is not a positive float32 number; the tokens are damaged")


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raise `InvalidTokensError` unless `value` is in `low`..`high`."""
    if not low <= value <= high:
        raise InvalidTokensError(f"{name} of {value} is outside {low}..{high}")


NO_SIDE = SideInformation()
