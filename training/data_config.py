"""What a run hears: where its recordings lie, how crops are cut from them and changed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from training.strict_config import NotNegative, PositiveInt, StrictConfig


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("the lower bound comes first")
    return value


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Share = Annotated[float, Field(ge=0, le=1)]
Source = Path | Annotated[tuple[Path, ...], Field(min_length=1)]


class NoiseConfig(StrictConfig):
    """Noise under a `share` of the crops, at a ratio drawn from `snr_db`; the codec learns to code it too.

    `folder`: where recordings of noise lie; without it the noise is made, of the `colour` named.
    """

    colour: Literal["white", "pink"] = "pink"
    folder: Path | None = None
    snr_db: Range = (5.0, 30.0)
    share: Share = 0.5


class BandLimitConfig(StrictConfig):
    """A `share` of the crops loses what is above a frequency drawn from `cutoff_hz`, as from a telephone."""

    cutoff_hz: Annotated[tuple[Annotated[float, Field(gt=0)], float], AfterValidator(_ordered)] = (
        3000.0,
        7000.0,
    )
    share: Share = 0.2


class DataConfig(StrictConfig):
    """The recordings and the batches that are made of them.

    `train`, `valid`: a folder, a manifest (`.csv` or `.jsonl` with a column `path` or `file`, and `labels`
    for models with a semantic stream), a Kaldi `wav.scp`, `libritts:ROOT:train-clean-100` (that subset below
    `ROOT/LibriTTS`), or a list of these; `labels`, `valid_labels`: the folder of label files that mirrors the
    folder of recordings; `vocabulary`: names of labels.

    `crop_seconds`, `batch_items`: of all ranks together; `gain_db`: range of the level shift;
    `memory_gib`: recordings that decode to more stay on the disk, and crops are read from there; `workers`:
    threads that prepare batches ahead, 0 for none. Neither changes what is heard, but for files at another
    rate than the model's.
    """

    train: Source | None = None
    valid: Source | None = None
    labels: Path | None = None
    valid_labels: Path | None = None
    vocabulary: Path | None = None
    crop_seconds: Annotated[float, Field(gt=0)] = 2.0
    batch_items: PositiveInt = 8
    gain_db: Range = (-12.0, 6.0)
    noise: NoiseConfig | None = None
    band_limit: BandLimitConfig | None = None
    memory_gib: NotNegative = 2.0
    workers: Annotated[int, Field(ge=0, le=64)] = 0
