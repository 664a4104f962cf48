"""Small SEANet models with random weights, published like real ones."""

import copy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codec.checkpoint import draft_manifest, write_files
from codec.golden import golden_signal
from codec.manifest import Manifest, ManifestDraft, content_digest
from codec.repository import Repository, VersionPath
from codec.seanet_config import SegmentConfig
from codec.seanet_model import SeanetCodec
from codec.tokens import LabelFormat, Labels, SideInformation
from service.item import Item
from service.model_info import ModelInfo
from service.worker.facts import info_of
from tests.codec.seanets import labels, noise, small_codec


@cache
def item_codec(preset: str, seed: int = 0) -> SeanetCodec:
    """A codec of a preset's structure in float32."""
    return copy.deepcopy(small_codec(preset, seed)).float()


def cut_codec(preset: str) -> SeanetCodec:
    """`item_codec` with segments of 0.5 s, one every 0.48 s, for items of more than 0.6 s."""
    codec = item_codec(preset)
    hop = codec.config.hop_samples
    segments = SegmentConfig(length_samples=25 * hop, stride_samples=24 * hop, whole_samples=30 * hop)
    cut = SeanetCodec(codec.config.model_copy(update={"segments": segments}))
    cut.load_state_dict(codec.state_dict())
    return cut.eval().requires_grad_(False)


def clip(codec: SeanetCodec, seconds: float) -> Tensor:
    """The golden signal `[1, channel, sample]`, shorter."""
    config = codec.config
    return golden_signal(config.sample_rate, config.channels)[..., : round(seconds * config.sample_rate)]


def publish_seanet(
    root: Path, work: Path, preset: str, *, seed: int = 0, name: str | None = None
) -> VersionPath:
    """Publish `item_codec` as the stable version of `name`, else of the preset's; `work`: for the files."""
    codec, name = item_codec(preset, seed), name or preset
    folder = work / f"{name}-{preset}-{seed}"
    write_files(copy.deepcopy(codec), clip(codec, 1.2), folder, torch.float32)
    return Repository(root).publish(name, folder, draft_manifest(codec, name, "a small model for tests"))


def item_info(codec: SeanetCodec) -> ModelInfo:
    """The facts that a worker would tell of a codec."""
    content = draft_manifest(codec, "items").model_dump() | {"golden": None}
    version = f"1-{content_digest(ManifestDraft.model_validate(content), {})}"
    created = datetime(2026, 1, 1, tzinfo=UTC)
    manifest = Manifest.model_validate(content | {"version": version, "created": created, "files": {}})
    return info_of(manifest, codec.config, slots=4)


def sound(codec: SeanetCodec, n_samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise at speech level `[sample, channel]`."""
    return np.ascontiguousarray(noise(codec, 1, n_samples, seed)[0].T.float().numpy())


def labels_for(codec: SeanetCodec, n_samples: int, seed: int = 0) -> Labels | None:
    """Random labels; None for a model that hears none."""
    words = labels(codec, 1, n_samples, seed)
    return None if words is None else words[0].numpy().astype(np.uint16)


def make_item(codec: SeanetCodec, samples: NDArray[np.float32], seed: int = 0) -> Item:
    """What the payload of an encoding JOB holds for samples `[sample, channel]`."""
    semantic, words = codec.config.semantic, labels_for(codec, len(samples), seed)
    form = LabelFormat(semantic.labels, semantic.hop_samples) if semantic else None
    return Item(len(samples), samples.tobytes(), SideInformation((), words, form))
