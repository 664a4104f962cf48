"""Streams through a streamable SEANet codec: the steps that `codec.model.Codec` has."""

from dataclasses import dataclass

import torch
from torch import Tensor

from codec.causal_spectrogram import CausalSpectrogram
from codec.checks import check_n_q
from codec.domain import AnalysisState, InversionState
from codec.errors import InvalidRequestError
from codec.seanet import SeanetState
from codec.seanet_model import SeanetCodec
from codec.spectrogram import pack, unpack


@dataclass(frozen=True, slots=True)
class SeanetEncoderState:
    """Stream state of the encoder side; `analysis` is empty for codecs that hear the waveform."""

    analysis: tuple[AnalysisState, ...]
    network: SeanetState


@dataclass(frozen=True, slots=True)
class SeanetDecoderState:
    """Stream state of the decoder side; `inversion` is empty for codecs that give the waveform."""

    network: SeanetState
    inversion: tuple[InversionState, ...]


class SeanetStream:
    """The step functions of a codec whose config is `streamable`.

    Raises `InvalidRequestError` for a codec that looks ahead, or at the whole item.
    """

    def __init__(self, codec: SeanetCodec) -> None:
        if not codec.config.streamable:
            raise InvalidRequestError(
                "the model looks ahead or at the whole item; a stream needs a causal model with zero "
                "padding, no group norm and no level, such as the presets whose names end in _stream"
            )
        assert codec.spectrogram is None or isinstance(codec.spectrogram, CausalSpectrogram)
        self.codec, self.config = codec, codec.config
        self.spectrogram = codec.spectrogram

    def encoder_state(self, slots: int) -> SeanetEncoderState:
        """Fresh state of `slots` encoder streams."""
        if self.spectrogram is None:
            return SeanetEncoderState((), self.codec.encoder.fresh_state(slots, 0))
        rows = self.spectrogram.config.rows
        analysis = self.spectrogram.transform.fresh_analysis(slots)
        return SeanetEncoderState((analysis,), self.codec.encoder.fresh_state(slots, rows))

    def decoder_state(self, slots: int) -> SeanetDecoderState:
        """Fresh state of `slots` decoder streams."""
        network = self.codec.decoder.fresh_state(slots)
        if self.spectrogram is None:
            return SeanetDecoderState(network, ())
        return SeanetDecoderState(network, (self.spectrogram.transform.fresh_inversion(slots),))

    @torch.no_grad()
    def encode_step(
        self, audio: Tensor, state: SeanetEncoderState, n_q: int
    ) -> tuple[Tensor, SeanetEncoderState]:
        """Codes int64 `[batch, n_q, frame]` of the next `[batch, channel, frames * hop]`, and the new state.

        Raises `InvalidRequestError` if n_q is out of range or the samples are not whole frames.
        """
        check_n_q(n_q, self.config.quantizer)
        hop = self.config.hop_samples
        if audio.shape[-1] == 0 or audio.shape[-1] % hop:
            raise InvalidRequestError(f"a step takes whole frames of {hop} samples, not {audio.shape[-1]}")
        x, analysis = audio, state.analysis
        if self.spectrogram is not None:
            spectra, after = self.spectrogram.step(audio[:, 0], analysis[0])
            x, analysis = pack(spectra, self.spectrogram.config), (after,)
        vectors, network = self.codec.encoder.step(x, state.network)
        return self.codec.quantizer.encode(vectors, n_q), SeanetEncoderState(analysis, network)

    @torch.no_grad()
    def decode_step(self, codes: Tensor, state: SeanetDecoderState) -> tuple[Tensor, SeanetDecoderState]:
        """The next `[batch, channel, frames * hop]` of codes `[batch, n_q, frame]`, and the new state.

        The first `delay_samples` of a stream precede sample 0. A code of `ABSENT` leaves its codebook out.
        """
        latent = self.codec.quantizer.decode(codes)
        x, network = self.codec.decoder.step(latent.to(self.codec.decoder.dtype), state.network)
        x = x.to(latent.dtype)
        if self.spectrogram is None:
            return x, SeanetDecoderState(network, ())
        spectra = unpack(x, self.spectrogram.config)
        audio, after = self.spectrogram.invert_step(spectra, state.inversion[0])
        return audio.unsqueeze(1), SeanetDecoderState(network, (after,))
