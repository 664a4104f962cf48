"""Weights files of the layout that DAC releases, made without its package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

TINY: dict[str, Any] = {
    "encoder_dim": 4,
    "encoder_rates": [2, 3],
    "latent_dim": 10,
    "decoder_dim": 24,
    "decoder_rates": [3, 2],
    "n_codebooks": 3,
    "codebook_size": 16,
    "codebook_dim": 5,
    "quantizer_dropout": 0.5,
    "sample_rate": 16000,
}


def shapes(kwargs: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of a model, laid out by hand from the published description."""
    width, latent = kwargs["encoder_dim"], kwargs["latent_dim"]
    yield from _convolution("encoder.block.0", width, 1, 7)
    for number, stride in enumerate(kwargs["encoder_rates"], start=1):
        for unit in range(3):
            yield from _unit(f"encoder.block.{number}.block.{unit}", width)
        yield f"encoder.block.{number}.block.3.alpha", (1, width, 1)
        yield from _convolution(f"encoder.block.{number}.block.4", 2 * width, width, 2 * stride)
        width *= 2
    stages = len(kwargs["encoder_rates"])
    yield f"encoder.block.{stages + 1}.alpha", (1, width, 1)
    yield from _convolution(f"encoder.block.{stages + 2}", latent, width, 3)
    for number in range(kwargs["n_codebooks"]):
        place, numbers = f"quantizer.quantizers.{number}", kwargs["codebook_dim"]
        yield from _convolution(f"{place}.in_proj", numbers, latent, 1)
        yield from _convolution(f"{place}.out_proj", latent, numbers, 1)
        yield f"{place}.codebook.weight", (kwargs["codebook_size"], numbers)
    width = kwargs["decoder_dim"]
    yield from _convolution("decoder.model.0", width, latent, 7)
    for number, stride in enumerate(kwargs["decoder_rates"], start=1):
        place = f"decoder.model.{number}.block"
        yield f"{place}.0.alpha", (1, width, 1)
        yield f"{place}.1.bias", (width // 2,)
        yield f"{place}.1.weight_g", (width, 1, 1)
        yield f"{place}.1.weight_v", (width, width // 2, 2 * stride)
        width //= 2
        for unit in (2, 3, 4):
            yield from _unit(f"{place}.{unit}", width)
    yield f"decoder.model.{stages + 1}.alpha", (1, width, 1)
    yield from _convolution(f"decoder.model.{stages + 2}", 1, width, 7)


def _unit(place: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, kernel in ((0, 7), (2, 1)):
        yield f"{place}.block.{number}.alpha", (1, width, 1)
        yield from _convolution(f"{place}.block.{number + 1}", width, width, kernel)


def _convolution(place: str, outputs: int, inputs: int, kernel: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{place}.bias", (outputs,)
    yield f"{place}.weight_g", (outputs, 1, 1)
    yield f"{place}.weight_v", (outputs, inputs, kernel)


def state_dict(kwargs: dict[str, Any] = TINY) -> dict[str, Tensor]:
    """Random weights at which signals neither die nor explode."""
    generator = torch.Generator().manual_seed(0)
    state = {name: torch.randn(shape, generator=generator) for name, shape in shapes(kwargs)}
    for name, tensor in state.items():
        if name.endswith("alpha"):
            state[name] = tensor.abs() * 0.3 + 0.3
        elif name.endswith("weight_g"):
            state[name] = 1 + 0.1 * tensor
        elif name.endswith("bias"):
            state[name] = 0.05 * tensor
    return state


def write_file(path: Path, kwargs: dict[str, Any] = TINY, **changes: Any) -> Path:
    """A weights file; a change replaces a tensor by its name, or removes it with None."""
    state = {**state_dict(kwargs), **changes}
    kept = {name: tensor for name, tensor in state.items() if tensor is not None}
    torch.save({"state_dict": kept, "metadata": {"kwargs": kwargs}}, path)
    return path
