"""The config of the SEANet codecs: SoundStream, Encodec, FreqCodec and their variants (paper, section 3)."""

import math
from fractions import Fraction
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from codec.config import AnyQuantizerConfig, Length, QuantizerConfig, Rate, Size
from codec.seanet_network_config import SeanetConfig
from codec.tokens import MAX_HOP_SAMPLES

_SEGMENTATION_SECONDS = (Fraction(10), Fraction(19, 2), Fraction(30))
"""Length, stride, and the longest item coded whole, where a config does not say."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class WaveformDomain(_Strict):
    """The network hears the samples themselves."""

    kind: Literal["waveform"] = "waveform"


class SpectrogramDomain(_Strict):
    """The network hears a short-time spectrum (FreqCodec): log magnitude with angle, or with unit phase.

    `streaming`: spectra reach back only, and the inverse is `n_fft - hop_samples` late; otherwise they
    are centred on their hop. Compatibility with the reference: `keeps_nyquist` feeds the last bin too,
    which the strides then squeeze out; `drops_last_hop` ends the inverse at the last spectrum's centre.
    """

    kind: Literal["mag_angle", "mag_phase"]
    n_fft: Size = 512
    hop_samples: Size = 160
    floor: Annotated[float, Field(gt=0)] = 1e-6
    streaming: bool = False
    keeps_nyquist: bool = False
    drops_last_hop: bool = False

    @model_validator(mode="after")
    def _overlapping(self) -> Self:
        if self.hop_samples * 2 > self.n_fft or self.n_fft % 2:
            raise ValueError("hop_samples must be at most half of n_fft, which must be even")
        return self

    @property
    def channels(self) -> int:
        """Feature maps of the spectrum."""
        return 2 if self.kind == "mag_angle" else 3

    @property
    def rows(self) -> int:
        """Frequency rows that the network sees."""
        return self.n_fft // 2 + self.keeps_nyquist


Domain = Annotated[WaveformDomain | SpectrogramDomain, Field(discriminator="kind")]


class SegmentConfig(_Strict):
    """Audio is coded in segments of `length_samples`, one every `stride_samples`, and cross-faded.

    Items of up to `whole_samples` are coded whole instead.
    """

    length_samples: Length
    stride_samples: Length
    whole_samples: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0

    @model_validator(mode="after")
    def _gapless(self) -> Self:
        if self.stride_samples > self.length_samples:
            raise ValueError("stride_samples must be at most length_samples, or audio is left out")
        return self


class SemanticConfig(_Strict):
    """A second stream of integer labels (phonemes) beside the codes (paper, section 3.2).

    `labels`: how many there are; `hop_samples`: samples per label; `combine`: how label vectors meet the
    acoustic ones; `cuts_to_whole_hops`: compatibility, label vectors of a last partial frame repeat the
    vector before.
    """

    combine: Literal["concat", "addition", "residual"]
    labels: Annotated[int, Field(ge=2, le=65536)] = 86
    hop_samples: Length = 160
    cuts_to_whole_hops: bool = False


class SeanetCodecConfig(_Strict):
    """A whole codec of the SEANet family.

    `level`: "rms" divides an item (or segment) by its RMS, which travels with the codes as the scale.
    `segments`: how items are cut; without it, a model that cannot stream codes items of up to 30 s whole
    and longer ones in segments of 10 s, one every 9.5 s.
    """

    family: Literal["seanet"]
    sample_rate: Rate = 16000
    channels: Literal[1, 2] = 1
    level: Literal["none", "rms"] = "rms"
    domain: Domain = WaveformDomain()
    network: SeanetConfig = SeanetConfig()
    quantizer: AnyQuantizerConfig = QuantizerConfig(dimension=128)
    segments: SegmentConfig | None = None
    semantic: SemanticConfig | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        spectral = isinstance(self.domain, SpectrogramDomain)
        if spectral != self.network.two_dimensional:
            raise ValueError("a spectrogram needs a network with frequency_ratios, a waveform one without")
        if spectral and self.channels != 1:
            raise ValueError("a spectrogram codec has one channel")
        if spectral and (self.network.whole_frames or self.network.trims_odd_strides):
            raise ValueError("whole_frames and trims_odd_strides are for waveforms")
        if isinstance(self.domain, SpectrogramDomain):
            rows = self.domain.rows
            for ratio in reversed(self.network.frequency_ratios):
                rows //= ratio
            if rows != 1:
                raise ValueError(f"frequency_ratios leave {rows} of {self.domain.rows} rows, not 1")
            if self.domain.streaming and not self.network.causal:
                raise ValueError("a streaming spectrogram needs a causal network")
        if self.hop_samples > min(self.sample_rate, MAX_HOP_SAMPLES):
            raise ValueError(
                f"a frame of {self.hop_samples} samples is too long; it may last a second at most, and have "
                f"{MAX_HOP_SAMPLES} samples"
            )
        if self.semantic and self.hop_samples % self.semantic.hop_samples:
            raise ValueError(f"semantic hop_samples must divide the {self.hop_samples} samples of a frame")
        if self.semantic and self.segments and self.segments.stride_samples % self.semantic.hop_samples:
            raise ValueError("segments must start where a label does: stride_samples, a multiple of its hop")
        return self

    @property
    def input_hop_samples(self) -> int:
        """Samples per step of the network's input."""
        return self.domain.hop_samples if isinstance(self.domain, SpectrogramDomain) else 1

    @property
    def hop_samples(self) -> int:
        """Samples per latent frame."""
        return self.network.stride * self.input_hop_samples

    @property
    def frame_rate(self) -> Fraction:
        """Latent frames per second, exact."""
        return Fraction(self.sample_rate, self.hop_samples)

    @property
    def streamable(self) -> bool:
        """Whether a stream gives what the whole gives: nothing looks ahead or at the whole item."""
        centred = isinstance(self.domain, SpectrogramDomain) and not self.domain.streaming
        local = self.level == "none" and not self.segments and not self.semantic
        return self.network.causal and self.network.padding == "zero" and local and not centred

    @property
    def delay_samples(self) -> int:
        """Decoded samples that precede sample 0."""
        streaming = isinstance(self.domain, SpectrogramDomain) and self.domain.streaming
        return self.domain.n_fft - self.domain.hop_samples if streaming else 0  # type: ignore[union-attr]

    @property
    def latency_ms(self) -> float | None:
        """Algorithmic latency of encode and decode together; None for models that need the whole item."""
        return 1000 * (self.hop_samples + self.delay_samples) / self.sample_rate if self.streamable else None

    @property
    def receptive_field_samples(self) -> int | None:
        """Input samples that a frame's codes depend on; None for all (recurrence, group norm, level)."""
        network = self.network
        return self._reach_samples(network.kernel, network.latent_kernel)

    @property
    def decoder_reach_frames(self) -> int | None:
        """Frames that the samples which a frame completes depend on; None for all. At most one too many."""
        network = self.network
        reach = self._reach_samples(network.last_kernel, network.kernel)
        # A sample may be the first of its frame, and reach back from there.
        return None if reach is None else 1 + math.ceil(reach / self.hop_samples)

    def _reach_samples(self, kernel: int, latent_kernel: int) -> int | None:
        """Samples that one half of the network spans, of these kernels next to the audio and to the codes."""
        network = self.network
        if network.lstm_layers or network.norm == "time_group_norm" or self.level == "rms":
            return None
        reach, stride = kernel, 1
        for ratio in reversed(network.time_ratios):
            for unit in range(network.residual_units):
                reach += (network.residual_kernel - 1) * network.dilation_base**unit * stride
            reach += (2 * ratio - 1) * stride
            stride *= ratio
        reach += (latent_kernel - 1) * stride
        window = self.domain.n_fft if isinstance(self.domain, SpectrogramDomain) else 1
        return (reach - 1) * self.input_hop_samples + window

    def bitrate_bps(self, n_q: int) -> Fraction:
        """Bits per second of `n_q` codebooks, exact; labels and scales not counted."""
        return self.frame_rate * n_q * self.quantizer.bits_per_code

    @property
    def segmentation(self) -> SegmentConfig | None:
        """How long items are cut; None for models that stream, which need not."""
        if self.segments or self.streamable:
            return self.segments
        frames = self.frame_rate
        length, stride, whole = (round(s * frames) * self.hop_samples for s in _SEGMENTATION_SECONDS)
        return SegmentConfig(length_samples=length, stride_samples=stride, whole_samples=whole)

    def segments_for(self, n_samples: int) -> SegmentConfig | None:
        """How an item of `n_samples` is cut; None if it is coded whole."""
        plan = self.segmentation
        return plan if plan and n_samples > plan.whole_samples else None

    def segment_lengths(self, n_samples: int) -> tuple[int, ...]:
        """Samples of every segment of an item; one segment if it is coded whole."""
        plan = self.segments_for(n_samples)
        if plan is None:
            return (n_samples,)
        starts = range(0, n_samples, plan.stride_samples)
        return tuple(min(plan.length_samples, n_samples - start) for start in starts)

    def frames_for(self, n_samples: int) -> int:
        """Frames that an item of `n_samples` gives, over all its segments."""
        return sum(self.segment_frames(length) for length in self.segment_lengths(n_samples))

    def segment_frames(self, n_samples: int) -> int:
        """Frames that one segment of `n_samples` gives."""
        if isinstance(self.domain, SpectrogramDomain) and not self.domain.streaming:
            return math.ceil((n_samples // self.domain.hop_samples + 1) / self.network.stride)
        return math.ceil((n_samples + self.delay_samples) / self.hop_samples)

    def labels_for(self, n_samples: int) -> int:
        """Semantic labels that an item of `n_samples` needs; 0 without a semantic stream."""
        return math.ceil(n_samples / self.semantic.hop_samples) if self.semantic else 0

    def to_yaml(self) -> str:
        """The config as YAML, every field written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
