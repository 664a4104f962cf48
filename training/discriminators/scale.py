"""Multi-scale discriminator on the waveform (HiFi-GAN, section 2.3), without weight norm.

The paper's toolkit asks for a norm on the first scale and, by a slip, applies none; so do we.
"""

from torch import Tensor, nn
from torch.nn import functional

from training.discriminators.config import ScaleConfig
from training.discriminators.judgement import Judgement

SLOPE = 0.1


class ScaleDiscriminator(nn.Module):
    """Judges the waveform, halved in rate `halvings` times."""

    def __init__(self, config: ScaleConfig, halvings: int) -> None:
        super().__init__()
        self.halvings = halvings
        self.layers = nn.ModuleList([nn.Conv1d(1, config.channels, 15, padding=7)])
        inputs, outputs = config.channels, config.channels
        for stride, groups in ((2, 4), (2, 16), (4, 16), (4, 16), (1, 16)):
            self.layers.append(nn.Conv1d(inputs, outputs, 41, stride, padding=20, groups=groups))
            inputs, outputs = outputs, min(2 * outputs, config.max_channels)
        self.layers.append(nn.Conv1d(inputs, outputs, 5, padding=2))
        self.judge = nn.Conv1d(outputs, 1, 3, padding=1)

    def forward(self, audio: Tensor) -> Judgement:
        """Judge `[item, sample]`; logits `[item, 1, time]`."""
        x = audio.unsqueeze(1)
        for _ in range(self.halvings):
            x = functional.avg_pool1d(x, 4, 2, padding=2)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Judgement(self.judge(x), tuple(features))
