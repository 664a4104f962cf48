"""`Codec`: audio to codes and codes to audio, whole or as streams, by the same steps.

A model is immutable while it infers: n_q and stream state are arguments. Every method on whole items
runs the stream step from a fresh state, in pieces, so whole, live and hours-long input are one code path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.checks import check_codes, check_finite, check_items, check_n_q, check_n_qs
from codec.config import CodecConfig
from codec.domain import AnalysisState, CausalSpectrum, InversionState, compress, expand
from codec.encoded import Encoded, mask_unused
from codec.errors import InvalidRequestError, InvalidTokensError
from codec.layers.ragged import ends_of, silence
from codec.layers.state import map_state
from codec.network import FrameNetwork, NetworkState
from codec.quantizer import ResidualQuantizer

MIN_ROWS = 4
"""Fewest rows of a matrix product. With one thread, MKL gives a row the same bits in any product of at
least four rows; below that it takes other kernels. Padding tiny steps up to four makes codes independent
of batch width and of how a stream is cut, bit for bit (measured in tests/codec/test_model.py)."""

PIECE_FRAMES = 500
"""Frames per step when a whole item is coded: 10 s, which bounds memory for items of any length."""


@dataclass(frozen=True, slots=True)
class EncoderState:
    """Stream state of the encoder side."""

    analysis: AnalysisState
    network: NetworkState


@dataclass(frozen=True, slots=True)
class DecoderState:
    """Stream state of the decoder side."""

    network: NetworkState
    inversion: InversionState


class Codec(nn.Module):
    """A causal spectral codec."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        stack = config.network.spectra_per_frame
        bins = config.spectrum.bins
        latent = config.quantizer.dimension
        self.spectrum = CausalSpectrum(config.spectrum)
        self.encoder = FrameNetwork(3 * bins * stack, latent, config.network.encoder_blocks, config)
        self.quantizer = ResidualQuantizer(config.quantizer)
        self.decoder = FrameNetwork(latent, 2 * bins * stack, config.network.decoder_blocks, config)

    @classmethod
    def from_pretrained(cls, reference: str | Path, repository: Path | None = None) -> "Codec":
        """A ready codec of this family; `codec.load.from_pretrained` says from where, and loads all families.

        Raises `InvalidRequestError` for a model of another family.
        """
        from codec.load import from_pretrained

        codec = from_pretrained(reference, repository).codec
        if not isinstance(codec, cls):
            raise InvalidRequestError("the model is of another family; use codec.load.from_pretrained")
        return codec

    def reset_buffers(self) -> None:
        """Compute what is not stored with the weights; needed after the module was made without memory."""
        self.spectrum.reset_buffers()

    def encoder_state(self, slots: int) -> EncoderState:
        """Fresh state of `slots` encoder streams."""
        return EncoderState(self.spectrum.fresh_analysis(slots), self.encoder.fresh_state(slots))

    def decoder_state(self, slots: int) -> DecoderState:
        """Fresh state of `slots` decoder streams."""
        return DecoderState(self.decoder.fresh_state(slots), self.spectrum.fresh_inversion(slots))

    def features(self, audio: Tensor, state: AnalysisState) -> tuple[Tensor, AnalysisState]:
        """Network input `[batch, frame, feature]` of `[batch, sample]` (whole frames)."""
        spectra, state = self.spectrum.analyse(audio, state)
        packed = compress(spectra, self.config.spectrum.compression, self.config.spectrum.floor)
        stack = self.config.network.spectra_per_frame
        return packed.unflatten(1, (-1, stack)).flatten(2), state

    def embed(self, audio: Tensor, state: EncoderState) -> tuple[Tensor, EncoderState]:
        """Latent vectors `[batch, frame, dimension]` of the next `[batch, 1, frames * hop]` samples."""
        features, analysis = self.features(audio[:, 0], state.analysis)
        latent, network = self.encoder.step(features, state.network)
        return latent.float(), EncoderState(analysis, network)

    def synthesise(self, latent: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The next `[batch, 1, frames * hop]` samples of latent vectors `[batch, frame, dimension]`."""
        parts, network = self.decoder.step(latent.to(self.decoder.dtype), state.network)
        stack = self.config.network.spectra_per_frame
        parts = parts.float().unflatten(2, (stack, -1)).flatten(1, 2)
        spectra = expand(parts, self.config.spectrum.compression, self.config.spectrum.floor)
        audio, inversion = self.spectrum.invert(spectra, state.inversion)
        return audio.unsqueeze(1), DecoderState(network, inversion)

    @torch.no_grad()
    def encode_step(self, audio: Tensor, state: EncoderState, n_q: int) -> tuple[Tensor, EncoderState]:
        """Codes int64 `[batch, n_q, frame]` of the next samples `[batch, 1, frames * hop]`, and the state.

        Raises `InvalidRequestError` if n_q is out of range or the samples are not whole frames.
        """
        check_n_q(n_q, self.config.quantizer)
        batch, hop = audio.shape[0], self.config.hop_samples
        if audio.shape[-1] == 0 or audio.shape[-1] % hop:
            raise InvalidRequestError(f"a step takes whole frames of {hop} samples, not {audio.shape[-1]}")
        extra = self._missing_rows(batch, audio.shape[-1] // hop)
        padded_state = map_state(state, lambda t: _pad_rows(t, extra))
        latent, new_state = self.embed(_pad_rows(audio, extra), padded_state)
        codes = self.quantizer.encode(latent, n_q)
        return codes[:batch], map_state(new_state, lambda t: t[:batch])

    @torch.no_grad()
    def decode_step(self, codes: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The next samples `[batch, 1, frames * hop]` of codes `[batch, n_q, frame]`, and the new state.

        A code of `ABSENT` leaves its codebook out of that frame, so n_q may differ by item and by frame.
        """
        batch, _, frames = codes.shape
        extra = self._missing_rows(batch, frames)
        latent = self.quantizer.decode(_pad_rows(codes, extra))
        audio, new_state = self.synthesise(latent, map_state(state, lambda t: _pad_rows(t, extra)))
        return audio[:batch], map_state(new_state, lambda t: t[:batch])

    @torch.no_grad()
    def encode(
        self,
        audio: Tensor,
        n_q: int | Sequence[int],
        lengths: Sequence[int] | None = None,
        labels: Tensor | None = None,
    ) -> Encoded:
        """Codes of whole items: float32 `[batch, 1, sample]`, item b being its first `lengths[b]` samples.

        `n_q`: one for all items or one each. Codes of an item do not depend on its neighbours or on what
        stands after its end. Raises `InvalidAudioError` for empty or non-finite items, `InvalidRequestError`
        for n_q, and for labels, which this family does not hear.
        """
        if labels is not None:
            raise InvalidRequestError("this model has no semantic stream; leave the labels out")
        lengths = check_items(audio, self.config.channels, lengths)
        wanted = check_n_qs(n_q, len(lengths), self.config.quantizer)
        audio = silence(audio, torch.tensor(lengths, device=audio.device))
        check_finite(audio)
        n_frames = tuple(self.config.frames_for(n) for n in lengths)
        total = max(n_frames) * self.config.hop_samples
        audio = functional.pad(audio, (0, max(0, total - audio.shape[-1])))[..., :total]
        state = self.encoder_state(audio.shape[0])
        pieces = []
        for piece in audio.split(PIECE_FRAMES * self.config.hop_samples, dim=-1):
            codes, state = self.encode_step(piece, state, max(wanted))
            pieces.append(codes)
        return Encoded(mask_unused(torch.cat(pieces, dim=-1), n_frames, wanted), lengths, n_frames)

    @torch.no_grad()
    def decode(self, encoded: Encoded) -> Tensor:
        """Audio float32 `[batch, 1, sample]`, of item b `n_samples[b]` samples, then zeros.

        Codebooks may be left out from the last one on: all of a batch by cutting `codes`, one item's by
        `ABSENT`. Raises `InvalidTokensError` for codes out of range or too few frames for the samples.
        """
        hop, delay = self.config.hop_samples, self.config.delay_samples
        check_codes(encoded.codes, self.config.quantizer)
        complete = encoded.codes.shape[-1] * hop - delay
        longest = max(encoded.n_samples, default=0)
        if len(encoded.n_samples) != encoded.codes.shape[0] or not 0 < longest <= complete:
            raise InvalidTokensError(
                f"{list(encoded.codes.shape)} codes complete {complete} samples each, not {encoded.n_samples}"
            )
        state = self.decoder_state(encoded.codes.shape[0])
        pieces = []
        for piece in encoded.codes.split(PIECE_FRAMES, dim=-1):
            audio, state = self.decode_step(piece, state)
            pieces.append(audio)
        audio = torch.cat(pieces, dim=-1)[..., delay : delay + longest]
        return silence(audio, ends_of(encoded.n_samples, longest, audio.device))

    @staticmethod
    def _missing_rows(batch: int, frames: int) -> int:
        """Items to add so that a product over all frames has at least `MIN_ROWS` rows."""
        return max(0, -(-MIN_ROWS // frames) - batch)


def _pad_rows(tensor: Tensor, extra: int) -> Tensor:
    if extra == 0:
        return tensor
    return torch.cat((tensor, tensor.new_zeros(extra, *tensor.shape[1:])))
