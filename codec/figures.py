"""What a model of a config amounts to: size, work, latency, rates. All of it is computed, by layout alone.

Work is counted in multiply-accumulates, by running the model without memory ("meta" tensors) on two short
items: it grows linearly with the item, and the slope is the work of a frame in the middle of a long one.
Counted are convolutions (transposed ones at their input, each product once), matrix products, LSTMs, and a
Fourier transform of N points as N log2 N with N for its window; not counted are norms, activations and sums.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from codec.config import FactorisedQuantizerConfig
from codec.model import Codec
from codec.model_config import ModelConfig
from codec.seanet_config import SeanetCodecConfig, SegmentConfig
from codec.seanet_model import SeanetCodec
from codec.side import LabelFormat
from codec.weights import AnyCodec

_SHORT, _LONG = 2, 4
"""Frames of the two items."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Numbers that training learns, by part; `norms`: how many of all of them are gains and biases of norms.

    `codebooks`: numbers in the entries of all codebooks, data (Euclidean) or parameters (factorised).
    """

    encoder: int
    quantizer: int
    decoder: int
    semantic: int
    norms: int
    codebooks: int

    @property
    def total(self) -> int:
        """All parameters; the entries of Euclidean codebooks are none."""
        return self.encoder + self.quantizer + self.decoder + self.semantic


@dataclass(frozen=True, slots=True)
class Work:
    """Multiply-accumulates for a second of audio, exact: the networks', and the quantizer's per codebook.

    Labels are made outside the model; what makes them is not counted.
    """

    encoder: Fraction
    search: Fraction
    decoder: Fraction
    lookup: Fraction

    def encoding(self, n_q: int) -> Fraction:
        """Audio to `n_q` codebooks."""
        return self.encoder + n_q * self.search

    def decoding(self, n_q: int) -> Fraction:
        """`n_q` codebooks to audio."""
        return self.decoder + n_q * self.lookup


@dataclass(frozen=True, slots=True)
class Rate:
    """A row of the rate table, exact; `bitrate_bps` counts labels too, `label_bps` of them."""

    n_q: int
    tokens_per_second: Fraction
    bitrate_bps: Fraction
    label_bps: Fraction


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures; `latency_ms` None: needs the whole item; `receptive_field_samples` None: all of it."""

    parameters: Parameters
    work: Work
    frame_rate: Fraction
    streamable: bool
    latency_ms: float | None
    receptive_field_samples: int | None
    rates: tuple[Rate, ...]


def figures_of(config: ModelConfig) -> Figures:
    """The figures of a config's models."""
    with torch.device("meta"):
        codec = SeanetCodec(config) if isinstance(config, SeanetCodecConfig) else Codec(config)
    return Figures(
        parameters_of(codec),
        work_of(codec),
        config.frame_rate,
        config.streamable,
        config.latency_ms,
        config.receptive_field_samples,
        rates_of(config),
    )


def parameters_of(codec: AnyCodec) -> Parameters:
    """How many numbers a codec is made of; weight norm must not be folded."""
    counts = {name: parameter.numel() for name, parameter in codec.named_parameters()}
    quantizer = codec.config.quantizer
    numbers = quantizer.dimension
    if isinstance(quantizer, FactorisedQuantizerConfig):
        numbers = quantizer.code_dimension

    def of(side: str) -> int:
        return sum(count for name, count in counts.items() if name.startswith(f"{side}."))

    return Parameters(
        encoder=of("encoder"),
        quantizer=of("quantizer"),
        decoder=of("decoder"),
        semantic=of("semantic"),
        norms=sum(count for name, count in counts.items() if _is_norm(name)),
        codebooks=quantizer.codebooks * quantizer.codebook_size * numbers,
    )


def _is_norm(name: str) -> bool:
    return ".norm." in name or name.endswith("weight.original0")


def work_of(codec: AnyCodec) -> Work:
    """The work of a codec on the meta device, at steady state.

    A model that codes every item in segments works on all of a segment for every stride.
    """
    config = codec.config
    plan = _plan_of_every_item(config)
    overlap = Fraction(plan.length_samples, plan.stride_samples) if plan else 1
    vectors = torch.empty(1, 1, config.quantizer.dimension, device="meta")
    codes = torch.zeros(1, 1, 1, dtype=torch.int64, device="meta")
    search = _counted(partial(codec.quantizer.encode, vectors, 1))
    lookup = _counted(partial(codec.quantizer.decode, codes))
    return Work(
        _per_second(partial(_encode, codec), config),
        search * config.frame_rate * overlap,
        _per_second(partial(_decode, codec), config),
        lookup * config.frame_rate * overlap,
    )


def rates_of(config: ModelConfig) -> tuple[Rate, ...]:
    """The rates at powers of two and at all codebooks, as of an item that is not cut."""
    label_bps = Fraction(0)
    if isinstance(config, SeanetCodecConfig) and config.semantic is not None:
        labels = LabelFormat(config.semantic.labels, config.semantic.hop_samples)
        label_bps = labels.bitrate_bps(config.sample_rate)
    most = config.quantizer.codebooks
    rows = sorted({*(2**power for power in range(most.bit_length())), most})
    return tuple(
        Rate(n_q, config.frame_rate * n_q, config.bitrate_bps(n_q) + label_bps, label_bps) for n_q in rows
    )


def _plan_of_every_item(config: ModelConfig) -> SegmentConfig | None:
    """How even short items are cut; None for models that code those whole."""
    segments = config.segments if isinstance(config, SeanetCodecConfig) else None
    return None if segments is None or segments.whole_samples else segments


def _per_second(work: Callable[[int], object], config: ModelConfig) -> Fraction:
    """Steady-state work for a second of audio of `work`, which takes a number of frames."""
    short, long = (_counted(partial(work, frames)) for frames in (_SHORT, _LONG))
    per_frame = Fraction(long - short, _LONG - _SHORT)
    plan = _plan_of_every_item(config)
    if plan is None:
        return per_frame * config.frame_rate
    assert isinstance(config, SeanetCodecConfig)
    frames = config.segment_frames(plan.length_samples)
    return (short + per_frame * (frames - _SHORT)) * Fraction(config.sample_rate, plan.stride_samples)


def _counted(work: Callable[[], object]) -> int:
    """Multiply-accumulates of what `work` does."""
    transforms = {torch.ops.aten._fft_r2c: _analysis, torch.ops.aten._fft_c2r: _synthesis}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=transforms) as counter:
        work()
    operations: int = counter.get_total_flops()
    return operations // 2


def _analysis(samples: Sequence[int], *_: object, out_shape: Sequence[int]) -> int:
    return _transforms(samples)


def _synthesis(_spectra: Sequence[int], *_: object, out_shape: Sequence[int]) -> int:
    return _transforms(out_shape)


def _transforms(windows: Sequence[int]) -> int:
    """Operations, two for each multiply-accumulate, of the real transforms of `[..., point]`."""
    points = windows[-1]
    return 2 * math.prod(windows[:-1]) * round(points * math.log2(points) + points)


def _encode(codec: AnyCodec, frames: int) -> None:
    """Everything before the quantizer."""
    config = codec.config
    samples = frames * config.hop_samples
    audio = torch.empty(1, config.channels, samples, device="meta")
    if isinstance(codec, Codec):
        codec.embed(audio, codec.encoder_state(1))
        return
    codec.encoder(*codec.features(audio, None))
    if codec.semantic is not None and codec.semantic.config.combine == "residual":
        _semantic(codec, samples)


def _decode(codec: AnyCodec, frames: int) -> None:
    """Everything after the quantizer."""
    config = codec.config
    latent = torch.empty(1, frames, config.quantizer.dimension, device="meta")
    if isinstance(codec, Codec):
        codec.synthesise(latent, codec.decoder_state(1))
        return
    if codec.semantic is not None:
        vectors = _semantic(codec, frames * config.hop_samples)
        latent = codec.semantic.combine(latent, vectors, None)
    codec.synthesise(latent, (latent.shape[1],), None)


def _semantic(codec: SeanetCodec, samples: int) -> Tensor:
    assert codec.semantic is not None
    labels = torch.empty(1, codec.config.labels_for(samples), dtype=torch.int64, device="meta")
    vectors: Tensor = codec.semantic(labels, (samples,), (samples // codec.config.hop_samples,))
    return vectors
