"""The short-time spectrum of the streaming FreqCodec: it reaches back only, and its inverse is late."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.config import SpectrumConfig
from codec.domain import AnalysisState, CausalSpectrum, InversionState
from codec.seanet_config import SpectrogramDomain


class CausalSpectrogram(nn.Module):
    """`CausalSpectrum` in the layout of the 2-D networks, for whole items and for streams.

    `spectra_per_frame`: an item is padded with silence until its frames cover all that it says.
    """

    def __init__(self, config: SpectrogramDomain, spectra_per_frame: int) -> None:
        super().__init__()
        self.config = config
        self.frame_samples = config.hop_samples * spectra_per_frame
        self.delay_samples = config.n_fft - config.hop_samples
        self.transform = CausalSpectrum(SpectrumConfig(n_fft=config.n_fft, hop_samples=config.hop_samples))

    def reset_buffers(self) -> None:
        """Compute what is not stored with the weights; needed after the module was made without memory."""
        self.transform.reset_buffers()

    def analyse(self, audio: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Complex `[batch, bin, spectrum]` of `[batch, sample]`, and each item's number of spectra.

        What follows an item's end must be silent.
        """
        total = self._covering(torch.tensor(audio.shape[-1]))
        padded = functional.pad(audio, (0, int(total) - audio.shape[-1]))
        spectra, _ = self.step(padded, self.transform.fresh_analysis(audio.shape[0]))
        if lengths is None:
            return spectra, None
        return spectra, self._covering(lengths) // self.config.hop_samples

    def step(self, audio: Tensor, state: AnalysisState) -> tuple[Tensor, AnalysisState]:
        """The spectra of the next whole hops, and the new state."""
        spectra, state = self.transform.analyse(audio, state)
        return spectra.transpose(1, 2), state

    def invert(self, spectra: Tensor, lengths: Tensor | None) -> Tensor:
        """`[batch, sample]` of complex `[batch, bin, spectrum]`, from sample 0 on."""
        audio, _ = self.invert_step(spectra, self.transform.fresh_inversion(spectra.shape[0]))
        return audio[:, self.delay_samples :]

    def invert_step(self, spectra: Tensor, state: InversionState) -> tuple[Tensor, InversionState]:
        """The next `[batch, sample]`, `delay_samples` late, and the new state."""
        return self.transform.invert(spectra.transpose(1, 2), state)

    def _covering(self, lengths: Tensor) -> Tensor:
        """Samples of the frames that cover items of these lengths and the delay of the inverse."""
        return -(-(lengths + self.delay_samples) // self.frame_samples) * self.frame_samples
