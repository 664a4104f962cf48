"""Small SEANet codecs with random weights: one for every preset, of the same structure."""

from functools import cache
from typing import Any

import torch
import yaml
from torch import Tensor

from codec.config import presets
from codec.quantizer import ResidualQuantizer
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec

SEANET_PRESETS = sorted(name for name, text in presets().items() if "family: seanet" in text)
STREAM_PRESETS = [name for name in SEANET_PRESETS if name.endswith("_stream")]
N_Q, BOOK = 4, 32


def small_config(name: str, **network: Any) -> SeanetCodecConfig:
    """A preset's structure at 8 filters; groups at most as coarse as such widths allow."""
    content = yaml.safe_load(presets()[name])
    content["network"] |= {"filters": 8, **network}
    if "decoder_filters" in content["network"]:
        content["network"]["decoder_filters"] = 12
    for side in ("encoder_group_ratio", "decoder_group_ratio"):
        content["network"][side] = min(content["network"].get(side, 0), 2)
    content["quantizer"] |= {"codebooks": N_Q, "codebook_size": BOOK, "dimension": 6}
    return SeanetCodecConfig.model_validate(content)


@cache
def small_codec(name: str, seed: int = 0, **network: Any) -> SeanetCodec:
    """Random weights in float64, so that only what is wrong differs, and codes that vary."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codec = SeanetCodec(small_config(name, **network)).double()
        for key, parameter in codec.named_parameters():
            if ".norm." in key:
                torch.nn.init.normal_(parameter, mean=float(key.endswith("weight")), std=0.3)
            elif parameter.dim() > 2:
                parameter.detach().mul_(2.0)
            elif key.endswith("alpha"):
                torch.nn.init.uniform_(parameter, 0.3, 1.5)
        codec.eval().requires_grad_(False)
        if not isinstance(codec.quantizer, ResidualQuantizer):
            return codec
        latent = codec.embed(noise(codec, 8, 8000, seed=99), (8000,) * 8).vectors.flatten(0, 1)
        for book in codec.quantizer.codebooks:
            chosen = latent[torch.randperm(latent.shape[0])[:BOOK]]
            book.copy_(chosen)
            latent = latent - chosen[torch.cdist(latent, chosen).argmin(-1)]
    return codec


def noise(codec: SeanetCodec, batch: int, samples: int, seed: int = 0) -> Tensor:
    """White noise `[batch, channel, sample]` at speech level."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, codec.config.channels, samples)
    return torch.randn(shape, generator=generator, dtype=torch.float64) * 0.1


def labels(codec: SeanetCodec, batch: int, samples: int, seed: int = 0) -> Tensor | None:
    """Random labels `[batch, label]`, or None for a model without a semantic stream."""
    if codec.config.semantic is None:
        return None
    shape = (batch, codec.config.labels_for(samples))
    return torch.randint(codec.config.semantic.labels, shape, generator=torch.Generator().manual_seed(seed))
