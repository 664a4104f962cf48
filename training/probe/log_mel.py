"""Log-mel features at the frame rate of a codec: the usual ones, as many in a row as fit a frame."""

import torch
from torch import Tensor
from torch.nn import functional

from training.spectra import LogMel

BANDS = 80
_WINDOW_S = 0.025
_LONGEST_STEP_S = 0.01


class LogMelFrames:
    """80 mel bands of 25 ms windows, at most 10 ms apart, those of one codec frame joined to one vector.

    `steps`: how many that is, the fewest that divide the frame evenly.
    """

    def __init__(self, sample_rate: int, hop_samples: int) -> None:
        fewest = range(1, hop_samples + 1)
        self.hop_samples = hop_samples
        self.steps = next(
            n for n in fewest if hop_samples % n == 0 and hop_samples / n <= _LONGEST_STEP_S * sample_rate
        )
        self._step_samples = hop_samples // self.steps
        window_samples = round(_WINDOW_S * sample_rate)
        # Twice the power of two above it: no mel band may be so narrow that it holds no bin.
        self._n_fft = 2 * 2 ** (window_samples - 1).bit_length()
        self._window = functional.pad(torch.hann_window(window_samples), (0, self._n_fft - window_samples))
        self._before = (window_samples - self._step_samples) // 2
        self._mel = LogMel(self._n_fft, BANDS, sample_rate)

    @property
    def numbers(self) -> int:
        """Numbers of one frame."""
        return self.steps * BANDS

    def __call__(self, audio: Tensor) -> Tensor:
        """`[frame, number]` of `[sample]`; the windows of a step are centred on it."""
        n_frames = -(-len(audio) // self.hop_samples)
        n_steps = n_frames * self.steps
        needed = (n_steps - 1) * self._step_samples + self._n_fft
        padded = functional.pad(audio, (self._before, max(0, needed - self._before - len(audio))))[:needed]
        spectra = padded.unfold(0, self._n_fft, self._step_samples) * self._window
        magnitudes = torch.fft.rfft(spectra).abs()
        features: Tensor = self._mel(magnitudes.t().unsqueeze(0))[0]
        return features.reshape(n_frames, self.numbers)
