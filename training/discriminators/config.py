"""Which discriminators listen, how wide they are, how they learn; the defaults are the published sizes."""

from typing import Annotated, Literal

from pydantic import Field

from training.strict_config import PositiveInt, StrictConfig

Width = Annotated[int, Field(gt=0, multiple_of=4)]


class StftConfig(StrictConfig):
    """Multi-scale STFT (Encodec): one discriminator per transform length, `filters` wide.

    `pool_logits`: neighbouring logits are averaged, as in the paper's toolkit; Encodec does not.
    """

    kind: Literal["stft"] = "stft"
    n_ffts: Annotated[tuple[Annotated[int, Field(ge=32, multiple_of=4)], ...], Field(min_length=1)] = (
        1024,
        2048,
        512,
    )
    filters: PositiveInt = 32
    pool_logits: bool = True

    @property
    def shortest_samples(self) -> int:
        """Least audio that has a logit: one frame, or two where logits are pooled."""
        longest = max(self.n_ffts)
        return longest + longest // 4 if self.pool_logits else longest


class PeriodConfig(StrictConfig):
    """Multi-period (HiFi-GAN): one discriminator per period, hearing every n-th sample side by side.

    Layers widen fourfold from `channels` up to `max_channels`.
    """

    kind: Literal["period"] = "period"
    periods: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (2, 3, 5, 7, 11)
    channels: PositiveInt = 32
    max_channels: PositiveInt = 1024

    @property
    def shortest_samples(self) -> int:
        """Least audio that can be mirrored to a whole number of periods."""
        return max(self.periods)


class ScaleConfig(StrictConfig):
    """Multi-scale (HiFi-GAN): `scales` discriminators on the waveform, each at half the rate of the last.

    Layers widen twofold from `channels` up to `max_channels`; both hold 16 groups.
    """

    kind: Literal["scale"] = "scale"
    scales: PositiveInt = 3
    channels: Annotated[int, Field(gt=0, multiple_of=16)] = 128
    max_channels: Annotated[int, Field(gt=0, multiple_of=16)] = 1024

    @property
    def shortest_samples(self) -> int:
        """One sample: every layer is padded."""
        return 1


class WaveConfig(StrictConfig):
    """Multi-scale on the waveform (SoundStream): one discriminator per down-sampling factor.

    Layers widen fourfold from `channels` up to `max_channels`; both hold 4 groups. The paper's toolkit
    means factors 1, 2, 4 and computes 1, 2, 2.
    """

    kind: Literal["wave"] = "wave"
    factors: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 2, 4)
    channels: Width = 16
    max_channels: Width = 1024

    @property
    def shortest_samples(self) -> int:
        """Least audio of which the unpadded last layer has its three frames, after four strides of 4."""
        return 434 * max(self.factors)


class ComplexStftConfig(StrictConfig):
    """Complex convolutions on the complex STFT (SoundStream): one discriminator per transform length."""

    kind: Literal["complex_stft"] = "complex_stft"
    n_ffts: Annotated[tuple[Annotated[int, Field(ge=256, multiple_of=4)], ...], Field(min_length=1)] = (1024,)
    channels: PositiveInt = 32

    @property
    def shortest_samples(self) -> int:
        """Least audio that can be mirrored by half a window."""
        return max(self.n_ffts) // 2 + 1


DiscriminatorKind = Annotated[
    StftConfig | PeriodConfig | ScaleConfig | WaveConfig | ComplexStftConfig, Field(discriminator="kind")
]


class DiscriminatorsConfig(StrictConfig):
    """The discriminators of `kinds` from `start_step` on, with an Adam of their own.

    `items`: how many of each batch they listen to, all if absent (they cost more than the codec on a CPU);
    `gated`: they rest while their loss is no more than the generator's (paper's toolkit: without the
    commitment, weighted, of the step before).
    """

    kinds: Annotated[tuple[DiscriminatorKind, ...], Field(min_length=1)] = (StftConfig(),)
    start_step: Annotated[int, Field(ge=0)] = 0
    items: PositiveInt | None = None
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    betas: tuple[float, float] = (0.5, 0.9)
    gated: bool = True

    @property
    def shortest_samples(self) -> int:
        """Least audio that all of them can judge."""
        return max(kind.shortest_samples for kind in self.kinds)
