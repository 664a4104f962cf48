"""Models of Encodec (github.com/facebookresearch/encodec): one file of weights, 24 or 48 kHz."""

import re
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from codec.config import QuantizerConfig
from codec.errors import ForeignModelError
from codec.importers.state_dict import load_renamed, read_state_dict, reference_modules, renamed
from codec.seanet_config import SeanetCodecConfig, SegmentConfig
from codec.seanet_model import SeanetCodec
from codec.seanet_network_config import SeanetConfig

_LAYER = re.compile(r"quantizer\.vq\.layers\.(\d+)\._codebook\.(inited|embed|embed_avg|cluster_size)")


def import_encodec(path: Path) -> SeanetCodec:
    """The codec in a file of weights as Encodec releases it; which of the two models it is shows in its norm.

    Raises `ForeignModelError` if the file is no such model.
    """
    state = read_state_dict(path)
    config = encodec_config(state, path)
    return load_renamed(config, encodec_state(state, config, path), path)


def encodec_config(state: dict[str, Tensor], source: Path) -> SeanetCodecConfig:
    """The config that a state dict of Encodec tells by its names and shapes."""
    first = state.get("encoder.model.0.conv.conv.weight_v", state.get("encoder.model.0.conv.conv.weight"))
    book = state.get("quantizer.vq.layers.0._codebook.embed")
    if first is None or book is None or first.dim() != 3 or book.dim() != 2:
        raise ForeignModelError(f"{source} is no Encodec model: its first convolution or codebook is missing")
    stereo = "encoder.model.0.conv.conv.weight" in state
    channels: Literal[1, 2] = 2 if stereo else 1
    if first.shape[1] != channels:
        raise ForeignModelError(
            f"{source}: {first.shape[1]} channels; Encodec has 1 at 24 kHz and 2 at 48 kHz"
        )
    return SeanetCodecConfig(
        family="seanet",
        sample_rate=48000 if stereo else 24000,
        channels=channels,
        level="rms" if stereo else "none",
        network=SeanetConfig(
            filters=first.shape[0],
            causal=not stereo,
            norm="time_group_norm" if stereo else "weight_norm",
            padding="reflect",
        ),
        quantizer=QuantizerConfig(
            codebooks=sum(name.endswith("._codebook.embed") for name in state),
            codebook_size=book.shape[0],
            dimension=book.shape[1],
        ),
        segments=SegmentConfig(length_samples=48000, stride_samples=47520) if stereo else None,
    )


def encodec_state(state: dict[str, Tensor], config: SeanetCodecConfig, source: Path) -> dict[str, Tensor]:
    """Encodec's tensors by the names of `SeanetCodec`.

    Raises `ForeignModelError` for a tensor that is unknown, and for codebooks that were never trained.
    """
    ours, rest = renamed(state, reference_modules(config.network))
    unknown = [name for name in rest if not _LAYER.fullmatch(name)]
    if unknown:
        raise ForeignModelError(
            f"{source}: {len(unknown)} unknown tensors, for example {sorted(unknown)[:3]}"
        )
    books, shape = [], (config.quantizer.codebook_size, config.quantizer.dimension)
    for layer in range(config.quantizer.codebooks):
        prefix = f"quantizer.vq.layers.{layer}._codebook"
        embed, inited = rest.get(f"{prefix}.embed"), rest.get(f"{prefix}.inited")
        if embed is None or inited is None or embed.shape != shape:
            raise ForeignModelError(
                f"{source}: codebook {layer} is missing or of another shape than the first"
            )
        if not bool((inited != 0).all()):
            raise ForeignModelError(f"{source}: codebook {layer} was never trained (inited is 0)")
        books.append(embed)
    ours["quantizer.codebooks"] = torch.stack(books)
    return ours
