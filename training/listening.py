"""What a person sees and hears of a run: TensorBoard scalars, code use, spectrogram and audio pairs."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from codec.model import Codec
from training.codebooks import perplexity
from training.spectra import LogMel, Magnitudes

LISTEN_N_Q = (2, 8, 32)
"""Codebooks at which the example is decoded."""

_PICTURE_FFT, _PICTURE_BANDS = 1024, 80


class Listener:
    """Codes one fixed excerpt now and then and shows the result beside the original."""

    def __init__(self, writer: SummaryWriter, excerpt: Tensor, sample_rate: int) -> None:
        self._writer = writer
        self._excerpt = excerpt
        self._rate = sample_rate
        self._magnitudes = Magnitudes(_PICTURE_FFT)
        self._mel = LogMel(_PICTURE_FFT, _PICTURE_BANDS, sample_rate)
        writer.add_audio("original", excerpt[0], 0, sample_rate)
        writer.add_image("original", self._picture(excerpt), 0)

    def listen(self, codec: Codec, step: int) -> None:
        """Write reconstructions of the excerpt `[1, 1, sample]` and the use of every codebook."""
        most = min(max(LISTEN_N_Q), codec.config.quantizer.codebooks)
        encoded = codec.encode(self._excerpt, most)
        for n_q in sorted({min(n_q, most) for n_q in LISTEN_N_Q}):
            audio = codec.decode(encoded.codes[:, :n_q], self._excerpt.shape[-1])
            self._writer.add_audio(f"n_q_{n_q}", audio[0].clamp(-1, 1), step, self._rate)
            self._writer.add_image(f"n_q_{n_q}", self._picture(audio), step)
        for stage, entries in enumerate(perplexity(encoded.codes, codec.config.quantizer.codebook_size)):
            self._writer.add_scalar(f"codebook_perplexity/{stage:02d}", float(entries), step)

    @torch.no_grad()
    def _picture(self, audio: Tensor) -> NDArray[np.float32]:
        """Log-mel spectrogram as `[1, band, time]` between 0 and 1, low bands at the bottom."""
        mel = self._mel(self._magnitudes(self._magnitudes.spectra(audio[:, 0])))[0].T.flip(0)
        scaled = ((mel + 4) / 6).clamp(0, 1).unsqueeze(0)
        return np.asarray(scaled.numpy(), dtype=np.float32)
