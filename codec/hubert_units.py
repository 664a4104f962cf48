"""HuBERT units: features sorted to their nearest centroid, as labels of a semantic stream."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from codec.atomic import replacing
from codec.audio import Converter, Samples, read_audio
from codec.errors import ForeignModelError, InvalidRequestError
from codec.hubert import HOP_SAMPLES, SAMPLE_RATE_HZ, Hubert
from codec.kmeans import kmeans, nearest
from codec.seanet_config import SeanetCodecConfig
from codec.semantic_labels import semantic_of
from codec.side import Labels


class HubertUnits:
    """A `LabelSource`: what HuBERT hears in a recording, as one label for every label hop.

    `weights`: see `Hubert`; `centroids`: a file that `save_units` wrote, which also names the layer. Raises
    `ForeignModelError` where the two files do not belong together, `InvalidRequestError` for a model without
    semantic stream or with another number of labels.
    """

    def __init__(self, weights: Path, centroids: Path, config: SeanetCodecConfig) -> None:
        semantic = semantic_of(config)
        self._config, self._label_hop = config, semantic.hop_samples
        self._centroids, layer, digest = _read_units(centroids)
        self._hubert = Hubert(weights, layer)
        if digest != self._hubert.digest():
            raise ForeignModelError(f"{centroids} was fitted to other weights than {weights}; fit it again")
        if self._centroids.shape[1] != self._hubert.dimension:
            raise ForeignModelError(
                f"{centroids} has no centroids of {self._hubert.dimension} channels; fit again"
            )
        if len(self._centroids) != semantic.labels:
            raise InvalidRequestError(
                f"{centroids} has {len(self._centroids)} units, the model {semantic.labels} labels; "
                "give the units that it was trained with"
            )

    def labels(self, recording: Path, samples: Samples) -> Labels:
        """See `LabelSource`. A label is the unit that HuBERT hears at its middle.

        HuBERT hears whole windows only: the last unit goes on to the end of the audio.
        """
        converter = Converter(self._config.sample_rate, SAMPLE_RATE_HZ, samples.shape[0], 1)
        audio = np.concatenate([converter.process(samples), converter.flush()], axis=1)[0]
        units = self.units(torch.from_numpy(audio))
        count = self._config.labels_for(samples.shape[1])
        # Twice the middles, in samples of HuBERT times the model's rate: integers, exact for any length.
        middles = (2 * np.arange(count, dtype=np.int64) + 1) * self._label_hop * SAMPLE_RATE_HZ
        index = middles // (2 * self._config.sample_rate * HOP_SAMPLES)
        return units[np.minimum(index, len(units) - 1)]

    def units(self, audio: Tensor) -> Labels:
        """Units uint16 `[frame]` of one recording at 16 kHz, float32 `[sample]`; the frames of `Hubert`."""
        return nearest(self._hubert.features(audio), self._centroids).numpy().astype(np.uint16)


def fit_units(
    hubert: Hubert,
    recordings: Sequence[Path],
    units: int,
    *,
    frames: int = 100_000,
    iterations: int = 50,
    seed: int = 0,
    progress: Callable[[int], object] = int,
) -> Tensor:
    """Centroids `[unit, dimension]` by k-means over at most `frames` features, as many of each recording.

    `progress` is told how many recordings have been heard.

    Raises `InvalidRequestError` if there are fewer features than units, and what `read_audio` raises.
    """
    generator = torch.Generator().manual_seed(seed)
    share = -(-frames // max(1, len(recordings)))
    kept = [torch.empty(0, hubert.dimension)]
    for recording in recordings:
        audio = read_audio(recording, SAMPLE_RATE_HZ).samples[0]
        features = hubert.features(torch.from_numpy(audio))
        kept.append(features[torch.randperm(len(features), generator=generator)[:share]])
        progress(1)
    vectors = torch.cat(kept)
    if len(vectors) < units:
        raise InvalidRequestError(f"{len(vectors)} features for {units} units; give more audio")
    return kmeans(vectors, units, iterations, generator)[0]


def save_units(path: Path, centroids: Tensor, hubert: Hubert) -> None:
    """Write centroids with the layer and the weights that they belong to; the file appears whole or not."""
    belongs = {"layer": str(hubert.layer), "hubert": hubert.digest()}
    with replacing(path) as draft:
        save_file({"centroids": centroids.contiguous()}, draft, belongs)


def _read_units(path: Path) -> tuple[Tensor, int, str]:
    """Centroids, layer, and digest of the weights."""
    try:
        with safe_open(path, framework="pt") as file:
            belongs = file.metadata() or {}
            layer, digest = int(belongs["layer"]), belongs["hubert"]
            centroids = file.get_tensor("centroids")
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ForeignModelError(f"{path} holds no units of HuBERT: {error}; fit them first") from error
    if centroids.dim() != 2 or centroids.dtype != torch.float32 or not torch.isfinite(centroids).all():
        raise ForeignModelError(f"{path}: centroids must be finite float32 [unit, dimension]; fit them again")
    return centroids, layer, digest
