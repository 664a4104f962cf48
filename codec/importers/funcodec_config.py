"""The `config.yaml` that FunCodec writes beside a model, as a config of this library.

What the models of this library cannot do is refused by name, so no setting is dropped in silence.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from codec.config import QuantizerConfig, explain, read_text
from codec.errors import ConfigError, ForeignModelError
from codec.seanet_config import (
    SeanetCodecConfig,
    SegmentConfig,
    SemanticConfig,
    SpectrogramDomain,
    WaveformDomain,
)
from codec.seanet_network_config import SeanetConfig

Ratio = int | tuple[int, int]
Fixed = ConfigDict(frozen=True, extra="forbid")


class _GroupNorm(BaseModel):
    model_config = Fixed
    num_groups: Literal[1] = 1


class _Elu(BaseModel):
    model_config = Fixed
    alpha: Literal[1] = 1


class _Side(BaseModel):
    """Settings that encoder and decoder share, at the defaults of the reference."""

    model_config = Fixed
    ratios: tuple[Ratio, ...] = (8, 5, 4, 2)
    n_filters: int = 32
    n_residual_layers: int = 1
    norm: Literal["none", "weight_norm", "time_group_norm"] = "weight_norm"
    norm_params: _GroupNorm = _GroupNorm()
    causal: bool = False
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    dilation_base: int = 2
    compress: int = 2
    seq_model: Literal["lstm", "none"] = "lstm"
    seq_layer_num: int = 2
    pad_mode: Literal["reflect"] = "reflect"
    activation: Literal["ELU"] = "ELU"
    activation_params: _Elu = _Elu()
    true_skip: Literal[False] = False
    res_seq: Literal[True] = True
    conv_group_ratio: int = -1


class _Encoder(_Side):
    dimension: int = 128
    input_size: int | None = None


class _Decoder(_Side):
    channels: int = 1
    input_size: int | None = None
    final_activation: Literal[None] = None
    final_activation_params: Literal[None] = None
    trim_right_ratio: Literal[1] = 1
    tr_conv_group_ratio: int = -1


class _Quantizer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    codebook_size: int = 1024
    num_quantizers: int = 8
    codec_dim: Literal[None] = None
    codec_range: Literal[None] = None
    q0_ds_ratio: Literal[1] = 1
    encoder_hop_length: int | None = None


class _Labels(BaseModel):
    model_config = Fixed
    ppg_dim: int = 86
    ppg_ds_rate: int = 2
    ppg_ds_type: Literal["conv"] = "conv"
    ppg_usage_mod: Literal["concat", "addition", "residual"] = "residual"


class _Transform(BaseModel):
    model_config = Fixed
    n_fft: int = 512
    hop_length: int = 160


def _empty_if_none(value: object) -> object:
    return {} if value is None else value


class _Model(BaseModel):
    """What inference needs of `model_conf`; the rest is about training."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    odim: int = 512
    target_sample_hz: int = 24000
    audio_normalize: bool = False
    segment_dur: float | None = 1.0
    overlap_ratio: float | None = 0.01
    bypass_quantizer: Literal[False] = False
    codec_domain: tuple[str, str] = ("time", "time")
    domain_conf: Annotated[_Transform, BeforeValidator(_empty_if_none)] = _Transform()
    ppg_conf: Annotated[_Labels, BeforeValidator(_empty_if_none)] = _Labels()


class FuncodecConfig(BaseModel):
    """The parts of FunCodec's `config.yaml` that describe the model."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    model: Literal["encodec", "freq_codec", "codec_semantic_aug"]
    encoder: Literal["encodec_seanet_encoder", "encodec_seanet_encoder_2d"]
    decoder: Literal["encodec_seanet_decoder", "encodec_seanet_decoder_2d"]
    quantizer: Literal["costume_quantizer"]
    encoder_conf: _Encoder = _Encoder()
    decoder_conf: _Decoder = _Decoder()
    quantizer_conf: _Quantizer = _Quantizer()
    model_conf: _Model = _Model()
    input_size: int = 1

    @model_validator(mode="after")
    def _mirrored(self) -> Self:
        for name in _Side.model_fields:
            mine, other = getattr(self.encoder_conf, name), getattr(self.decoder_conf, name)
            if mine != other and name != "conv_group_ratio":
                raise ValueError(f"{name} differs between encoder_conf ({mine}) and decoder_conf ({other})")
        if self.encoder.endswith("2d") != self.decoder.endswith("2d"):
            raise ValueError("encoder and decoder must both be 2-d, or neither")
        if self.model_conf.odim != self.encoder_conf.dimension:
            raise ValueError("odim and the encoder's dimension differ")
        return self

    def domain(self) -> WaveformDomain | SpectrogramDomain:
        """What the network hears. Raises `ForeignModelError` for a domain that no importer knows."""
        kinds = self.model_conf.codec_domain
        if kinds == ("time", "time") and self.model != "freq_codec":
            return WaveformDomain()
        if kinds not in (("mag_angle", "mag_angle"), ("mag_phase", "mag_phase")):
            raise ForeignModelError(f"codec_domain is {kinds}; mag_angle and mag_phase can be imported")
        kind: Literal["mag_angle", "mag_phase"] = "mag_angle" if kinds[0] == "mag_angle" else "mag_phase"
        transform = self.model_conf.domain_conf
        return SpectrogramDomain(
            kind=kind,
            n_fft=transform.n_fft,
            hop_samples=transform.hop_length,
            keeps_nyquist=True,
            drops_last_hop=True,
        )

    def network(self) -> SeanetConfig:
        """Encoder and decoder, with the padding of the reference."""
        side, two = self.encoder_conf, self.encoder.endswith("2d")
        pairs = [ratio if isinstance(ratio, tuple) else (0, ratio) for ratio in side.ratios]
        if any((frequency > 0) != two for frequency, _ in pairs):
            raise ForeignModelError(
                "ratios must be [frequency, time] pairs in a 2-d model, numbers in a 1-d one"
            )
        return SeanetConfig(
            filters=side.n_filters,
            time_ratios=tuple(time for _, time in pairs),
            frequency_ratios=tuple(frequency for frequency, _ in pairs) if two else (),
            residual_units=side.n_residual_layers,
            kernel=side.kernel_size,
            last_kernel=side.last_kernel_size,
            residual_kernel=side.residual_kernel_size,
            dilation_base=side.dilation_base,
            compress=side.compress,
            lstm_layers=side.seq_layer_num if side.seq_model == "lstm" else 0,
            causal=side.causal,
            norm=side.norm,
            padding="reflect",
            completes_windows_at_start=two and not side.causal,
            encoder_group_ratio=max(0, side.conv_group_ratio),
            decoder_group_ratio=max(0, self.decoder_conf.conv_group_ratio),
            upsampling_group_ratio=max(0, self.decoder_conf.tr_conv_group_ratio),
        )

    def codec(self) -> SeanetCodecConfig:
        """The whole codec."""
        model, quantizer = self.model_conf, self.quantizer_conf
        segments = semantic = None
        if model.segment_dur is not None:
            length = int(model.segment_dur * model.target_sample_hz)
            stride = max(1, int((1 - (model.overlap_ratio or 0)) * length))
            segments = SegmentConfig(length_samples=length, stride_samples=stride)
        network, domain = self.network(), self.domain()
        hop = network.stride * (domain.hop_samples if isinstance(domain, SpectrogramDomain) else 1)
        if quantizer.encoder_hop_length not in (None, hop):
            raise ForeignModelError(
                f"encoder_hop_length is {quantizer.encoder_hop_length}, the strides make {hop}"
            )
        if self.model == "codec_semantic_aug":
            labels = model.ppg_conf
            semantic = SemanticConfig(
                combine=labels.ppg_usage_mod,
                labels=labels.ppg_dim,
                hop_samples=hop // labels.ppg_ds_rate,
                cuts_to_whole_hops=True,
            )
        return SeanetCodecConfig(
            family="seanet",
            sample_rate=model.target_sample_hz,
            level="rms" if model.audio_normalize else "none",
            domain=domain,
            network=network,
            quantizer=QuantizerConfig(
                codebooks=quantizer.num_quantizers,
                codebook_size=quantizer.codebook_size,
                dimension=self.encoder_conf.dimension,
            ),
            segments=segments,
            semantic=semantic,
        )


def read_funcodec_config(path: Path) -> SeanetCodecConfig:
    """The config in FunCodec's `config.yaml`.

    Raises `ForeignModelError` if it cannot be read, or describes a model that this library does not have.
    """
    try:
        loaded = yaml.safe_load(read_text(path))
    except (OSError, yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # Not all of PyYAML's errors are its own: a date in month 13, `!!int x`, lists a thousand deep.
        raise ForeignModelError(f"{path} cannot be read as FunCodec's config.yaml: {error}") from error
    except ConfigError as error:
        raise ForeignModelError(f"{error}") from error
    try:
        return FuncodecConfig.model_validate(loaded).codec()
    except ValidationError as error:
        raise ForeignModelError(
            f"{path} does not describe a model that can be imported: {explain(error)}"
        ) from error
