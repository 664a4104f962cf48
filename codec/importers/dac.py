"""Models of DAC (github.com/descriptinc/descript-audio-codec): one file of weights with its settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from codec.config import FactorisedQuantizerConfig, explain
from codec.errors import ForeignModelError
from codec.importers.state_dict import load_renamed, read_checkpoint, tensors_of
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec
from codec.seanet_network_config import SeanetConfig

# Far beyond any release; a file that claims more is refused before its network is laid out.
_Width = Annotated[int, Field(gt=0, le=1 << 16)]
_Rates = Annotated[tuple[Annotated[int, Field(ge=2, le=64)], ...], Field(strict=False)]

_CONVOLUTION = {
    "bias": "convolution.bias",
    "weight_g": "convolution.parametrizations.weight.original0",
    "weight_v": "convolution.parametrizations.weight.original1",
}
_PROJECTION = {
    "bias": "bias",
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
_UNITS = 3
"""Residual units of a stage; their dilations are 1, 3 and 9."""


class DacSettings(BaseModel):
    """The settings under `metadata.kwargs`, at the defaults of the reference, which ignores others too."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
    encoder_dim: _Width = 64
    encoder_rates: _Rates = (2, 4, 8, 8)
    latent_dim: _Width | None = None
    decoder_dim: _Width = 1536
    decoder_rates: _Rates = (8, 8, 4, 2)
    n_codebooks: int = 9
    codebook_size: int = 1024
    codebook_dim: _Width | list[_Width] = 8
    sample_rate: int = 44100

    @model_validator(mode="after")
    def _mirrored(self) -> Self:
        if self.decoder_rates != self.encoder_rates[::-1]:
            raise ValueError(
                "decoder_rates are not encoder_rates from the end; such a model cannot be imported"
            )
        if self.decoder_dim % (1 << len(self.decoder_rates)):
            raise ValueError("decoder_dim cannot be halved in every stage")
        if isinstance(self.codebook_dim, list) and len(set(self.codebook_dim)) != 1:
            raise ValueError("codebook_dim differs between codebooks; such a model cannot be imported")
        return self

    def codec(self) -> SeanetCodecConfig:
        """The whole codec, with the lost samples of the reference."""
        stages, numbers = len(self.encoder_rates), self.codebook_dim
        return SeanetCodecConfig(
            family="seanet",
            sample_rate=self.sample_rate,
            level="none",
            network=SeanetConfig(
                filters=self.encoder_dim,
                decoder_filters=self.decoder_dim >> stages,
                time_ratios=self.decoder_rates,
                residual_units=_UNITS,
                encoder_last_kernel=3,
                residual_kernel=7,
                dilation_base=3,
                compress=1,
                activation="snake",
                shortcut="identity",
                output="tanh",
                lstm_layers=0,
                norm="weight_norm",
                whole_frames=True,
                trims_odd_strides=True,
            ),
            quantizer=FactorisedQuantizerConfig(
                kind="factorised",
                codebooks=self.n_codebooks,
                codebook_size=self.codebook_size,
                dimension=self.latent_dim or self.encoder_dim << stages,
                code_dimension=numbers[0] if isinstance(numbers, list) else numbers,
            ),
        )


def import_dac(path: Path) -> SeanetCodec:
    """The codec in a file of weights as DAC releases it, which holds `state_dict` and `metadata`.

    The reference decodes some samples too few where a stride is odd (159,992 of 160,000 at 16 kHz); they
    come as zeros here. Raises `ForeignModelError` if the file is no such model, or holds more than tensors
    and plain settings.
    """
    loaded = read_checkpoint(path)
    if not isinstance(loaded, dict) or not {"state_dict", "metadata"} <= loaded.keys():
        raise ForeignModelError(
            f"{path} is no DAC model: state_dict or metadata is missing; give a released weights file"
        )
    config = dac_config(loaded["metadata"], path)
    return load_renamed(config, dac_state(tensors_of(loaded["state_dict"], path), config, path), path)


def dac_config(metadata: object, source: Path) -> SeanetCodecConfig:
    """The config that a DAC file's metadata tells. Raises `ForeignModelError` for settings out of range."""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("kwargs"), dict):
        raise ForeignModelError(f"{source}: metadata has no kwargs; give a released weights file")
    try:
        return DacSettings.model_validate(metadata["kwargs"]).codec()
    except ValidationError as error:
        raise ForeignModelError(f"{source} cannot be imported: {explain(error)}") from error


def dac_state(state: dict[str, Tensor], config: SeanetCodecConfig, source: Path) -> dict[str, Tensor]:
    """DAC's tensors by the names of `SeanetCodec`. Raises `ForeignModelError` for one that is unknown."""
    names = dict(_names(config))
    unknown = sorted(set(state) - set(names))
    if unknown:
        raise ForeignModelError(f"{source}: {len(unknown)} unknown tensors, for example {unknown[:3]}")
    return {names[name]: _reshaped(name, tensor) for name, tensor in state.items()}


def _reshaped(name: str, tensor: Tensor) -> Tensor:
    """Without the axes of length 1 that alphas `[1, channel, 1]` and projections `[out, in, 1]` have."""
    if name.endswith(".alpha"):
        return tensor.flatten()
    return tensor.squeeze(-1) if "_proj.weight" in name and tensor.dim() == 3 else tensor


def _names(config: SeanetCodecConfig) -> Iterator[tuple[str, str]]:
    """Name in the reference and in `SeanetCodec` of every tensor.

    The reference numbers the modules of one sequence, activations included.
    """
    stages = len(config.network.time_ratios)
    yield from _named("encoder.block.0", "encoder.enter")
    yield from _named("decoder.model.0", "decoder.enter")
    for stage in range(stages):
        theirs, ours = f"encoder.block.{stage + 1}.block", f"encoder.stages.{stage}"
        yield from _units(theirs, 0, ours)
        yield from _activated(theirs, _UNITS, ours, "resample")
        theirs, ours = f"decoder.model.{stage + 1}.block", f"decoder.stages.{stage}"
        yield from _activated(theirs, 0, ours, "resample")
        yield from _units(theirs, 2, ours)
    for theirs, ours in (("encoder.block", "encoder"), ("decoder.model", "decoder")):
        yield from _activated(theirs, stages + 1, ours, "leave")
    for stage in range(config.quantizer.codebooks):
        theirs, ours = f"quantizer.quantizers.{stage}", f"quantizer.stages.{stage}"
        yield f"{theirs}.codebook.weight", f"{ours}.entries"
        for side in ("in", "out"):
            for name, own in _PROJECTION.items():
                yield f"{theirs}.{side}_proj.{name}", f"{ours}.project_{side}.{own}"


def _units(theirs: str, first: int, ours: str) -> Iterator[tuple[str, str]]:
    for unit in range(_UNITS):
        place = f"{theirs}.{first + unit}.block"
        yield from _activated(place, 0, f"{ours}.units.{unit}", "inner")
        yield from _activated(place, 2, f"{ours}.units.{unit}", "outer")


def _activated(theirs: str, place: int, ours: str, layer: str) -> Iterator[tuple[str, str]]:
    """An activation and the convolution that follows it."""
    yield f"{theirs}.{place}.alpha", f"{ours}.before_{layer}.alpha"
    yield from _named(f"{theirs}.{place + 1}", f"{ours}.{layer}")


def _named(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    yield from ((f"{theirs}.{name}", f"{ours}.{own}") for name, own in _CONVOLUTION.items())
