"""Presets with random weights, published, so that scripts can open and code them like any other version."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from codec.checkpoint import LoadedCodec, draft_manifest, open_codec, write_files
from codec.factorised_quantizer import FactorisedQuantizer, FactorisedStage
from codec.golden import golden_signal
from codec.repository import Repository
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec

_GAIN = 1.7
"""On the convolutions of fresh networks, whose codes hardly vary otherwise."""


def random_codec(config: SeanetCodecConfig, speech: Tensor) -> SeanetCodec:
    """Random weights, and codebooks made of the residuals of `speech` `[batch, channel, sample]`.

    So a decision is as close as one of a trained model, and ties are as near.
    """
    torch.manual_seed(0)
    codec = SeanetCodec(config).eval().requires_grad_(False)
    for parameter in codec.parameters():
        if parameter.dim() > 2:
            parameter.mul_(_GAIN)
    rest = codec.embed(speech, (speech.shape[-1],) * speech.shape[0]).vectors.flatten(0, 1)
    if isinstance(codec.quantizer, FactorisedQuantizer):
        for stage in codec.quantizer.stages:
            assert isinstance(stage, FactorisedStage)
            projected = stage.project_in(rest)
            stage.entries.copy_(_entries(projected, len(stage.entries)))
            rest = rest - stage.decode(stage.search(projected))
        return codec
    for index, book in enumerate(codec.quantizer.codebooks):
        book.copy_(_entries(rest, len(book)))
        rest = rest - book[codec.quantizer.search(rest, index)]
    return codec


def _entries(vectors: Tensor, count: int) -> Tensor:
    """Vectors at random, moved a little: twice the same would be a tie."""
    chosen = vectors[torch.randint(len(vectors), (count,))]
    return chosen + 0.3 * vectors.std() * torch.randn(chosen.shape)


def publish_random(name: str, config: SeanetCodecConfig, speech: Tensor, repository: Path) -> LoadedCodec:
    """The codec of `random_codec` as a version of the model `name`, opened."""
    codec = random_codec(config, speech)
    with tempfile.TemporaryDirectory() as folder:
        write_files(codec, golden_signal(config.sample_rate, config.channels), Path(folder))
        Repository(repository).publish(name, Path(folder), draft_manifest(codec, name))
    return open_codec(name, repository)
