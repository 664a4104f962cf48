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
from codec.checks import check_codes, check_finite, check_items, check_n_qs
from codec.encoded import Encoded, gather, mask_unused, stacked
from codec.factorised_quantizer import quantizer_of
from codec.layers.ragged import ends_of, silence
from codec.seanet import SeanetDecoder, SeanetEncoder
from codec.seanet_config import SeanetCodecConfig, SpectrogramDomain
from codec.segments import (
    cut,
    items_of,
    join,
    labels_of_segments,
    scale_of_items,
    scale_of_segments,
    segments_of,
)
from codec.semantic import SemanticBranch
from codec.spectrogram import CentredSpectrogram, pack, unpack

SEGMENTS_AT_ONCE = 8

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
        self.quantizer = quantizer_of(config.quantizer)
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
        wanted = check_n_qs(n_q, len(lengths), self.config.quantizer)
        words = None if self.semantic is None else self.semantic.check(labels, lengths)
        segments, segment_lengths = cut(audio, lengths, self.config)
        segment_words = None if words is None else labels_of_segments(words, lengths, self.config)
        parts = []
        # A long item has hundreds of segments: a few at a time bound the memory.
        for rows in torch.arange(len(segments)).split(max(len(lengths), SEGMENTS_AT_ONCE)):
            own = None if segment_words is None else segment_words[rows]
            at_once = [segment_lengths[row] for row in rows]
            parts.append(self.encode_segments(segments[rows], max(wanted), at_once, own))
        coded = gather(parts)
        codes, n_frames = items_of(coded.codes, coded.n_frames, lengths, self.config)
        scale = None if coded.scale is None else scale_of_items(coded.scale[:, 0], lengths, self.config)
        return Encoded(mask_unused(codes, n_frames, wanted), lengths, n_frames, scale, words)

    @torch.no_grad()
    def encode_segments(
        self, audio: Tensor, n_q: int, lengths: Sequence[int], labels: Tensor | None = None
    ) -> Encoded:
        """Codes of `[segment, channel, sample]`, each coded as it is, however long.

        The labels are each segment's own. Errors are those of `encode`.
        """
        lengths = tuple(lengths)
        latent = self.embed(audio[..., : max(lengths)], lengths)
        vectors = latent.vectors
        if self.semantic is not None:
            labels = self.semantic.check(labels, lengths)
            if self.semantic.config.combine == "residual":
                vectors = vectors - self.semantic(labels, lengths, latent.n_frames)
        codes = mask_unused(self.quantizer.encode(vectors, n_q), latent.n_frames, (n_q,) * len(lengths))
        scale = None if latent.scale is None else latent.scale.unsqueeze(1)
        return Encoded(codes, lengths, latent.n_frames, scale, labels)

    def embed(self, audio: Tensor, lengths: tuple[int, ...]) -> Latent:
        """Latent vectors of segments `[segment, channel, sample]`. Raises `InvalidAudioError` for NaN."""
        ends = ends_of(lengths, audio.shape[-1], audio.device)
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

        What follows an item's end must be silent. A streamable codec, or one with `whole_frames`, hears whole
        frames as streams do: a last partial frame is completed by silence, not by the padding of every layer.
        """
        if self.spectrogram is not None:
            spectra, ends = self.spectrogram.analyse(audio[:, 0], ends)
            return pack(spectra, self.spectrogram.config), ends
        if not self.config.streamable and not self.config.network.whole_frames:
            return audio, ends
        hop = self.config.hop_samples
        audio = functional.pad(audio, (0, -audio.shape[-1] % hop))
        return audio, None if ends is None else -(-ends // hop) * hop

    def synthesise(self, latent: Tensor, n_frames: tuple[int, ...], scale: Tensor | None) -> Tensor:
        """Audio `[segment, channel, sample]` of decoder input `[segment, frame, dimension]`, not cut."""
        ends = ends_of(n_frames, latent.shape[1], latent.device)
        x: Tensor
        x, ends = self.decoder(latent.to(self.decoder.dtype), ends)
        # A spectrum has no form in half-width types.
        x = x.to(latent.dtype)
        if self.spectrogram is not None:
            x = self.spectrogram.invert(unpack(x, self.spectrogram.config), ends).unsqueeze(1)
        elif self.config.network.trims_odd_strides:
            missing = latent.shape[1] * self.config.hop_samples - x.shape[-1]
            x = functional.pad(silence(x, ends), (0, missing))
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
        lengths = [length for n in n_samples for length in self.config.segment_lengths(n)]
        words = None if self.semantic is None else self.semantic.check(encoded.labels, n_samples)
        words = None if words is None else labels_of_segments(words, n_samples, self.config)
        scale = None if encoded.scale is None else scale_of_segments(encoded.scale, n_samples, self.config)
        parts = []
        for index in torch.arange(len(rows)).split(max(len(n_samples), SEGMENTS_AT_ONCE)):
            part = Encoded(
                rows[index],
                tuple(lengths[i] for i in index),
                tuple(n_frames[i] for i in index),
                None if scale is None else scale[index].unsqueeze(1),
                None if words is None else words[index],
            )
            parts.append(self.decode_segments(part))
        audio = join(stacked(parts), n_frames, n_samples, self.config)
        longest = max(n_samples)
        return silence(audio[..., :longest], ends_of(n_samples, longest, audio.device))

    @torch.no_grad()
    def decode_segments(self, encoded: Encoded) -> Tensor:
        """Audio `[segment, channel, sample]` of what `encode_segments` gave: all that the frames hold.

        Models whose inverse ends early (`drops_last_hop` and the like) are silent from there on.
        """
        latent = self.quantizer.decode(encoded.codes[..., : max(encoded.n_frames)])
        if self.semantic is not None:
            labels = self.semantic.check(encoded.labels, encoded.n_samples)
            vectors = self.semantic(labels, encoded.n_samples, encoded.n_frames)
            ends = ends_of(encoded.n_frames, latent.shape[1], latent.device)
            latent = self.semantic.combine(latent, vectors, ends)
        scale = None if encoded.scale is None else encoded.scale[:, 0]
        audio = self.synthesise(latent, encoded.n_frames, scale)
        return functional.pad(audio, (0, max(0, max(encoded.n_samples) - audio.shape[-1])))


def level_of(audio: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """`[batch]`: RMS of the mix of all channels over each item's own samples; zeros must follow its end."""
    power = audio.mean(1).square()
    ends = ends_of(lengths, audio.shape[-1], audio.device)
    mean = power.mean(-1) if ends is None else power.sum(-1) / ends.to(power)
    return mean.sqrt() + LEVEL_FLOOR
