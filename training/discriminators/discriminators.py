"""All discriminators of a recipe as one module."""

from collections.abc import Iterator
from typing import assert_never

from torch import Tensor, nn

from training.discriminators.complex_stft import ComplexStftDiscriminator
from training.discriminators.config import (
    ComplexStftConfig,
    DiscriminatorKind,
    DiscriminatorsConfig,
    PeriodConfig,
    ScaleConfig,
    StftConfig,
    WaveConfig,
)
from training.discriminators.judgement import Judgement
from training.discriminators.period import PeriodDiscriminator
from training.discriminators.scale import ScaleDiscriminator
from training.discriminators.stft import StftDiscriminator
from training.discriminators.wave import WaveDiscriminator


class Discriminators(nn.Module):
    """The discriminators of every kind in one flat list, in the order of the config."""

    def __init__(self, config: DiscriminatorsConfig) -> None:
        super().__init__()
        self.judges = nn.ModuleList(judge for kind in config.kinds for judge in _judges(kind))

    def forward(self, audio: Tensor) -> list[Judgement]:
        """One judgement per discriminator of `[item, sample]`."""
        # Spectra need single precision also where autocast made the audio.
        audio = audio.float()
        return [judge(audio) for judge in self.judges]


def _judges(kind: DiscriminatorKind) -> Iterator[nn.Module]:
    match kind:
        case StftConfig():
            yield from (StftDiscriminator(kind, n_fft) for n_fft in kind.n_ffts)
        case PeriodConfig():
            yield from (PeriodDiscriminator(kind, period) for period in kind.periods)
        case ScaleConfig():
            yield from (ScaleDiscriminator(kind, halvings) for halvings in range(kind.scales))
        case WaveConfig():
            yield from (WaveDiscriminator(kind, factor) for factor in kind.factors)
        case ComplexStftConfig():
            yield from (ComplexStftDiscriminator(kind, n_fft) for n_fft in kind.n_ffts)
        case _:
            assert_never(kind)
