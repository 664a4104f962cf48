"""What a person sees and hears of a run: TensorBoard scalars, code use, spectrogram and audio pairs."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from codec.quantizer_statistics import usage_of
from codec.weights import AnyCodec
from training.data import Batch
from training.spectra import LogMel, Magnitudes

LISTEN_N_Q = (2, 8, 32)
"""Codebooks at which the example is decoded."""

_PICTURE_FFT, _PICTURE_BANDS = 1024, 80


class Listener:
    """Codes one fixed excerpt now and then and shows the result beside the original."""

    def __init__(self, writer: SummaryWriter, excerpt: Batch, sample_rate: int) -> None:
        self._writer = writer
        self._excerpt = excerpt
        self._rate = sample_rate
        self._magnitudes = Magnitudes(_PICTURE_FFT)
        self._mel = LogMel(_PICTURE_FFT, _PICTURE_BANDS, sample_rate)
        self._show("original", excerpt.audio, 0)

    def listen(self, codec: AnyCodec, step: int) -> None:
        """Write reconstructions of the excerpt, a batch of one, and the use of every codebook."""
        most = min(max(LISTEN_N_Q), codec.config.quantizer.codebooks)
        encoded = codec.encode(self._excerpt.audio, most, labels=self._excerpt.labels)
        for n_q in sorted({min(n_q, most) for n_q in LISTEN_N_Q}):
            self._show(f"n_q_{n_q}", codec.decode(encoded.thin(n_q)), step)
        usage = usage_of(encoded.codes.cpu(), codec.config.quantizer.codebook_size)
        for stage, (entries, share) in enumerate(zip(usage.perplexity, usage.used_share, strict=True)):
            self._writer.add_scalar(f"codebook_perplexity/{stage:02d}", float(entries), step)
            self._writer.add_scalar(f"codebook_used_share/{stage:02d}", float(share), step)

    def _show(self, name: str, audio: Tensor, step: int) -> None:
        mono = audio.mean(1).cpu()
        self._writer.add_audio(name, mono.clamp(-1, 1), step, self._rate)
        self._writer.add_image(name, self._picture(mono), step)

    @torch.no_grad()
    def _picture(self, audio: Tensor) -> NDArray[np.float32]:
        """Log-mel spectrogram of `[1, sample]` as `[1, band, time]`, 0 to 1, low bands at the bottom."""
        mel = self._mel(self._magnitudes(self._magnitudes.spectra(audio)))[0].T.flip(0)
        scaled = ((mel + 4) / 6).clamp(0, 1).unsqueeze(0)
        return np.asarray(scaled.numpy(), dtype=np.float32)
