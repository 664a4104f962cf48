"""Models of other toolkits with their reference vectors, from the shared test data."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.importers.encodec import import_encodec
from codec.importers.funcodec import import_funcodec
from codec.seanet_model import SeanetCodec
from tests.support import shared_dir

TIME = ("encodec_16k_ds320", "encodec_16k_ds640", "soundstream_16k", "soundstream_noncausal_16k")
FREQUENCY = tuple(
    f"freqcodec_{kind}" for kind in ("mag_angle", "mag_phase", "mag_phase_gr1", "mag_phase_gr8")
)
SEMANTIC = ("semantic_concat", "semantic_addition", "semantic_residual")
ENCODEC = ("encodec_24khz", "encodec_48khz")
FUNCODEC = (*TIME, *FREQUENCY, *SEMANTIC)


def golden_dir(name: str) -> Path:
    """The folder of a reference model, or a skipped test."""
    return shared_dir() / "golden" / name


@cache
def imported(name: str) -> SeanetCodec:
    """The reference model, imported."""
    if name in ENCODEC:
        return import_encodec(golden_dir(name) / "checkpoint.pth")
    return import_funcodec(golden_dir(name))


@cache
def vectors(name: str) -> dict[str, Tensor]:
    """The reference vectors of a model; integers as int64."""
    with np.load(golden_dir(name) / "vectors.npz") as arrays:
        found = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    return {key: value if value.is_floating_point() else value.long() for key, value in found.items()}


def clips(name: str) -> list[str]:
    """The names of a model's inputs."""
    return sorted(
        key.partition(".")[0] for key in vectors(name) if key.endswith(".wav") and key != "batch.wav"
    )


def furthest(one: Tensor, other: Tensor) -> float:
    """The largest difference; infinite if the shapes differ."""
    return float((one - other).abs().max()) if one.shape == other.shape else float("inf")
