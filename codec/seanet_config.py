"""The config of the SEANet codecs: SoundStream, Encodec, FreqCodec and their variants (paper, section 3)."""

import math
from fractions import Fraction
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from codec.config import PositiveInt, QuantizerConfig

Ratios = Annotated[tuple[PositiveInt, ...], Field(strict=False, max_length=8)]


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
    n_fft: PositiveInt = 512
    hop_samples: PositiveInt = 160
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


class SeanetConfig(_Strict):
    """Encoder and mirrored decoder: residual units and strided convolutions, then a sequence model.

    `time_ratios`: strides in the order of the decoder; `frequency_ratios`: as many, for a 2-D network, else
    none; widths start at `filters` and double with every stage; `dilation_base`: unit j of a stage dilates
    its time axis by base^j; `lstm_layers`: 0 for none. `*_group_ratio` r: convolutions of block width w in
    w / 2 / r groups, 0 for one group. Compatibility with the reference: `padding` of "reflect" (an item
    shorter than the padding gets zeros first); `completes_windows_at_start` pads what the last window lacks
    at the start of the time axis.
    """

    filters: PositiveInt = 32
    time_ratios: Ratios = (8, 5, 4, 2)
    frequency_ratios: Ratios = ()
    residual_units: Annotated[int, Field(ge=1, le=8)] = 1
    kernel: PositiveInt = 7
    last_kernel: PositiveInt = 7
    residual_kernel: PositiveInt = 3
    dilation_base: PositiveInt = 2
    compress: PositiveInt = 2
    lstm_layers: Annotated[int, Field(ge=0, le=8)] = 2
    causal: bool = False
    norm: Literal["none", "weight_norm", "time_group_norm"] = "time_group_norm"
    padding: Literal["zero", "reflect"] = "zero"
    completes_windows_at_start: bool = False
    encoder_group_ratio: Annotated[int, Field(ge=0)] = 0
    decoder_group_ratio: Annotated[int, Field(ge=0)] = 0
    upsampling_group_ratio: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.frequency_ratios and len(self.frequency_ratios) != len(self.time_ratios):
            raise ValueError("frequency_ratios needs as many entries as time_ratios")
        if not self.time_ratios:
            raise ValueError("time_ratios needs an entry for every stage")
        if self.causal and self.norm == "time_group_norm":
            raise ValueError("time_group_norm looks at the whole signal; a causal network cannot have it")
        if self.filters < self.compress:
            raise ValueError("filters must be at least compress, or a residual unit has no inner channel")
        inner = self.filters // self.compress
        for narrowest, ratio in (
            (inner, self.encoder_group_ratio),
            (inner, self.decoder_group_ratio),
            (2 * self.filters, self.upsampling_group_ratio),
        ):
            if ratio and groups_of(narrowest, ratio) < 1:
                raise ValueError(f"a group ratio of {ratio} leaves no group at {self.filters} filters")
        return self

    @property
    def stride(self) -> int:
        """Input steps per latent frame."""
        return math.prod(self.time_ratios)

    @property
    def top_width(self) -> int:
        """Channels between the last stage and the latent."""
        return self.filters << len(self.time_ratios)

    @property
    def two_dimensional(self) -> bool:
        """Whether the stages convolve over frequency too."""
        return bool(self.frequency_ratios)


def groups_of(width: int, ratio: int) -> int:
    """Groups of a convolution of block width `width` (the narrower side in a residual unit)."""
    return width // 2 // ratio if ratio else 1


class SegmentConfig(_Strict):
    """Audio is coded in segments of `length_samples`, one every `stride_samples`, and cross-faded."""

    length_samples: PositiveInt
    stride_samples: PositiveInt

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
    labels: PositiveInt = 86
    hop_samples: PositiveInt = 160
    cuts_to_whole_hops: bool = False


class SeanetCodecConfig(_Strict):
    """A whole codec of the SEANet family.

    `level`: "rms" divides an item (or segment) by its RMS, which travels with the codes as the scale.
    """

    family: Literal["seanet"]
    sample_rate: PositiveInt = 16000
    channels: Literal[1, 2] = 1
    level: Literal["none", "rms"] = "rms"
    domain: Domain = WaveformDomain()
    network: SeanetConfig = SeanetConfig()
    quantizer: QuantizerConfig = QuantizerConfig(dimension=128)
    segments: SegmentConfig | None = None
    semantic: SemanticConfig | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        spectral = isinstance(self.domain, SpectrogramDomain)
        if spectral != self.network.two_dimensional:
            raise ValueError("a spectrogram needs a network with frequency_ratios, a waveform one without")
        if spectral and self.channels != 1:
            raise ValueError("a spectrogram codec has one channel")
        if isinstance(self.domain, SpectrogramDomain):
            rows = self.domain.rows
            for ratio in reversed(self.network.frequency_ratios):
                rows //= ratio
            if rows != 1:
                raise ValueError(f"frequency_ratios leave {rows} of {self.domain.rows} rows, not 1")
            if self.domain.streaming and not self.network.causal:
                raise ValueError("a streaming spectrogram needs a causal network")
        if self.semantic and self.hop_samples % self.semantic.hop_samples:
            raise ValueError(f"semantic hop_samples must divide the {self.hop_samples} samples of a frame")
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

    def bitrate_bps(self, n_q: int) -> Fraction:
        """Bits per second of `n_q` codebooks, exact; labels and scales not counted."""
        return self.frame_rate * n_q * self.quantizer.bits_per_code

    def segment_lengths(self, n_samples: int) -> tuple[int, ...]:
        """Samples of every segment of an item; one segment if the model has none."""
        if self.segments is None:
            return (n_samples,)
        starts = range(0, n_samples, self.segments.stride_samples)
        return tuple(min(self.segments.length_samples, n_samples - start) for start in starts)

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
