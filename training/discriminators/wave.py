"""Multi-scale discriminator on the waveform (SoundStream, section III-D)."""

from torch import Tensor, nn
from torch.nn import functional

from training.discriminators.config import WaveConfig
from training.discriminators.judgement import Judgement

SLOPE = 0.1


class WaveDiscriminator(nn.Module):
    """Judges the waveform, averaged down by `factor`, with few and long strides."""

    def __init__(self, config: WaveConfig, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.enter = nn.Conv1d(1, config.channels, 7)
        self.layers = nn.ModuleList()
        width = config.channels
        for _ in range(4):
            wider = min(4 * width, config.max_channels)
            self.layers.append(nn.Conv1d(width, wider, 8, stride=4, padding=4, groups=4))
            width = wider
        self.leave = nn.Conv1d(width, width, 3)
        self.judge = nn.Conv1d(width, 1, 1)

    def forward(self, audio: Tensor) -> Judgement:
        """Judge `[item, sample]`; logits `[item, 1, time]`."""
        x = audio.unsqueeze(1)
        if self.factor > 1:
            x = functional.avg_pool1d(x, 2 * self.factor, self.factor, padding=self.factor)
        x = self.enter(x)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Judgement(self.judge(functional.leaky_relu(self.leave(x), SLOPE)), tuple(features))
