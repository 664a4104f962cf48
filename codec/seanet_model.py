"""`SeanetCodec`: SoundStream, Encodec and FreqCodec, from audio to codes and back, whole items at a time.

A model is immutable while it infers. Items of a batch may differ in length: padding, norms, levels and the
spectra at both ends are those of the item alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from codec.causal_spectrogram import CausalSpectrogram
from codec.checks import check_codes, check_finite, check_items, check_n_q
from codec.errors import InvalidRequestError
from codec.layers.ragged import ends_of, inside, silence
from codec.model import Encoded
from codec.quantizer import ABSENT, ResidualQuantizer
from codec.seanet import SeanetDecoder, SeanetEncoder
from codec.seanet_config import SeanetCodecConfig, SpectrogramDomain
from codec.segments import cut, items_of, join, scale_of_items, scale_of_segments, segments_of
from codec.semantic import SemanticBranch
from codec.spectrogram import CentredSpectrogram, pack, unpack

LEVEL_FLOOR = 1e-8
"""Added to the RMS of an item, so that silence can be divided by it."""


@dataclass(frozen=True, slots=True)
class Latent:
    """Encoder output: vectors `[segment, frame, dimension]`, the frames of each, and the level taken out."""

    vectors: Tensor
    n_frames: tuple[int, ...]
    scale: Tensor | None


class SeanetCodec(nn.Module):
    """A codec of the SEANet family."""

    def __init__(self, config: SeanetCodecConfig) -> None:
        super().__init__()
        self.config = config
        domain, network, dimension = config.domain, config.network, config.quantizer.dimension
        channels = domain.channels if isinstance(domain, SpectrogramDomain) else config.channels
        extra_rows = int(isinstance(domain, SpectrogramDomain) and domain.keeps_nyquist)
        self.spectrogram: CentredSpectrogram | CausalSpectrogram | None = None
        if isinstance(domain, SpectrogramDomain):
            causal = domain.streaming
            self.spectrogram = (
                CausalSpectrogram(domain, network.stride) if causal else CentredSpectrogram(domain)
            )
        self.encoder = SeanetEncoder(network, channels, dimension)
        self.quantizer = ResidualQuantizer(config.quantizer)
        self.decoder = SeanetDecoder(network, channels, dimension, extra_rows)
        self.semantic = None
        if config.semantic is not None:
            self.semantic = SemanticBranch(config, config.semantic)

    def reset_buffers(self) -> None:
        """Compute what is not stored with the weights; needed after the module was made without memory."""
        if self.spectrogram is not None:
            self.spectrogram.reset_buffers()

    def fold_weight_norm(self) -> None:
        """Replace gain and direction by their product: the same numbers, less work; for inference."""
        for module in list(self.modules()):
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")

    @torch.no_grad()
    def encode(
        self,
        audio: Tensor,
        n_q: int | Sequence[int],
        lengths: Sequence[int] | None = None,
        labels: Tensor | None = None,
    ) -> Encoded:
        """Codes of whole items: float32 `[batch, channel, sample]`, of item b the first `lengths[b]` samples.

        `n_q`: one for all items or one each; `labels`: int64 `[batch, label]` for models with a semantic
        stream, of item b the first `config.labels_for(lengths[b])`. Raises `InvalidAudioError` for empty or
        non-finite items, `InvalidRequestError` for n_q and labels.
        """
        lengths = check_items(audio, self.config.channels, lengths)
        wanted = (n_q,) * len(lengths) if isinstance(n_q, int) else tuple(n_q)
        for count in wanted:
            check_n_q(count, self.config.quantizer)
        if len(wanted) != len(lengths):
            raise InvalidRequestError(
                f"{len(wanted)} n_q for a batch of {len(lengths)}; give one or one each"
            )
        segments, segment_lengths = cut(audio, lengths, self.config)
        latent = self.embed(segments, segment_lengths)
        vectors = latent.vectors
        if self.semantic is not None:
            labels = self.semantic.check(labels, lengths)
            if self.semantic.config.combine == "residual":
                vectors = vectors - self.semantic(labels, lengths, latent.n_frames)
        rows = self.quantizer.encode(vectors, max(wanted))
        codes, n_frames = items_of(rows, latent.n_frames, lengths, self.config)
        absent = ~inside(torch.tensor(n_frames, device=codes.device), codes.shape[-1]).unsqueeze(1)
        beyond = ~inside(torch.tensor(wanted, device=codes.device), codes.shape[1]).unsqueeze(-1)
        scale = None if latent.scale is None else scale_of_items(latent.scale, lengths, self.config)
        return Encoded(codes.masked_fill(absent | beyond, ABSENT), lengths, n_frames, scale, labels)

    def embed(self, audio: Tensor, lengths: tuple[int, ...]) -> Latent:
        """Latent vectors of segments `[segment, channel, sample]`. Raises `InvalidAudioError` for NaN."""
        ends = ends_of(lengths, audio.shape[-1])
        audio = silence(audio, ends)
        check_finite(audio)
        scale = None
        if self.config.level == "rms":
            scale = level_of(audio, lengths)
            audio = audio / scale.view(-1, 1, 1)
        x, ends = self.features(audio, ends)
        vectors, _ = self.encoder(x, ends)
        return Latent(vectors, tuple(self.config.segment_frames(n) for n in lengths), scale)

    def features(self, audio: Tensor, ends: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What the encoder hears of `[batch, channel, sample]`, and the items' lengths in it.

        What follows an item's end must be silent. A streamable codec hears whole frames, as its streams do:
        a last partial frame is completed by silence, not by the padding of every layer.
        """
        if self.spectrogram is not None:
            spectra, ends = self.spectrogram.analyse(audio[:, 0], ends)
            return pack(spectra, self.spectrogram.config), ends
        if not self.config.streamable:
            return audio, ends
        hop = self.config.hop_samples
        audio = functional.pad(audio, (0, -audio.shape[-1] % hop))
        return audio, None if ends is None else -(-ends // hop) * hop

    def synthesise(self, latent: Tensor, n_frames: tuple[int, ...], scale: Tensor | None) -> Tensor:
        """Audio `[segment, channel, sample]` of decoder input `[segment, frame, dimension]`, not cut."""
        ends = ends_of(n_frames, latent.shape[1])
        x: Tensor
        x, ends = self.decoder(latent, ends)
        if self.spectrogram is not None:
            x = self.spectrogram.invert(unpack(x, self.spectrogram.config), ends).unsqueeze(1)
        return x if scale is None else x * scale.view(-1, 1, 1)

    @torch.no_grad()
    def decode(self, encoded: Encoded) -> Tensor:
        """Audio float32 `[batch, channel, sample]`, of item b `n_samples[b]` samples, then zeros.

        Codebooks may be left out from the last one on: all of a batch by cutting `codes`, one item's by
        `ABSENT`. Raises `InvalidTokensError` for codes or frames that do not fit.
        """
        check_codes(encoded.codes, self.config.quantizer)
        n_samples = encoded.n_samples
        rows, n_frames = segments_of(encoded, self.config)
        latent = self.quantizer.decode(rows)
        if self.semantic is not None:
            labels = self.semantic.check(encoded.labels, n_samples)
            vectors = self.semantic(labels, n_samples, n_frames)
            latent = self.semantic.combine(latent, vectors, ends_of(n_frames, latent.shape[1]))
        scale = None if encoded.scale is None else scale_of_segments(encoded.scale, n_samples, self.config)
        audio = self.synthesise(latent, n_frames, scale)
        audio = join(audio, n_frames, n_samples, self.config)
        longest = max(n_samples)
        audio = functional.pad(audio, (0, max(0, longest - audio.shape[-1])))[..., :longest]
        return silence(audio, ends_of(n_samples, longest))


def level_of(audio: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """`[batch]`: RMS of the mix of all channels over each item's own samples; zeros must follow its end."""
    power = audio.mean(1).square()
    ends = ends_of(lengths, audio.shape[-1])
    mean = power.mean(-1) if ends is None else power.sum(-1) / ends.to(power)
    return mean.sqrt() + LEVEL_FLOOR
