"""Multi-period discriminator (HiFi-GAN, section 2.3)."""

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from training.discriminators.config import PeriodConfig
from training.discriminators.judgement import Judgement

SLOPE = 0.1


class PeriodDiscriminator(nn.Module):
    """Folds the waveform into rows of one period; convolutions run along each column."""

    def __init__(self, config: PeriodConfig, period: int) -> None:
        super().__init__()
        self.period = period
        self.layers = nn.ModuleList()
        inputs, outputs = 1, config.channels
        for stride in (3, 3, 3, 3, 1):
            self.layers.append(
                weight_norm(nn.Conv2d(inputs, outputs, (5, 1), stride=(stride, 1), padding=(2, 0)))
            )
            inputs, outputs = outputs, min(4 * outputs, config.max_channels)
        self.judge = weight_norm(nn.Conv2d(inputs, 1, (2, 1), padding=(1, 0)))

    def forward(self, audio: Tensor) -> Judgement:
        """Judge `[item, sample]`; logits `[item, logit]`."""
        missing = -audio.shape[1] % self.period
        x = functional.pad(audio.unsqueeze(1), (0, missing), "reflect")
        x = x.unflatten(-1, (-1, self.period))
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Judgement(self.judge(x).flatten(1), tuple(features))
