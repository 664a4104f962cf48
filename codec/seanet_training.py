"""One differentiable pass of a SEANet codec over a batch of crops: what training needs of the model."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from codec.checks import check_items
from codec.layers.ragged import ends_of
from codec.quantizer import Quantized
from codec.seanet_model import SeanetCodec
from codec.segments import cut, join, labels_of_segments


@dataclass(frozen=True, slots=True)
class SeanetPass:
    """What came back of a batch.

    `output`: `[batch, channel, sample]`, aligned with the audio and as long; `latent`: `[segment, frame,
    dimension]`, what the quantizer is given, and the decoder hears where there is none; `quantized`: rows
    like those of `latent`, None without quantizer. An item that is coded whole is one segment.
    """

    output: Tensor
    latent: Tensor
    quantized: Quantized | None


def seanet_pass(
    codec: SeanetCodec, audio: Tensor, n_q: Tensor | None, labels: Tensor | None = None
) -> SeanetPass:
    """Through encoder, quantizer and decoder: crops `[batch, channel, sample]`, all as long as the tensor.

    `n_q`: int64 `[batch]`, codebooks of each item, or None to pass the latent on unquantized; `labels`: int64
    `[batch, label]` for models with a semantic stream. Values are those of `decode(encode(...))`. Under
    autocast the quantizer still works in the type of the audio.

    The labels' vectors get the gradient that the decoder's input has, in every mode. In `residual` mode they
    are subtracted before the quantizer and added after it; the straight-through step has slope 1, so it would
    take away all that the sum brings (the reference does so). But codes are constant for small changes, and
    what the labels then change is the sum alone: the subtraction passes no gradient on.

    Raises what `encode` raises for audio and labels.
    """
    lengths = check_items(audio, codec.config.channels, None)
    segments, segment_lengths = cut(audio, lengths, codec.config)
    latent = codec.embed(segments, segment_lengths)
    vectors, spoken = latent.vectors.to(audio.dtype), None
    if codec.semantic is not None:
        words = labels_of_segments(codec.semantic.check(labels, lengths), lengths, codec.config)
        spoken = codec.semantic(words, segment_lengths, latent.n_frames).to(audio.dtype)
        if codec.semantic.config.combine == "residual":
            vectors = vectors - spoken.detach()
    heard, quantized = vectors, None
    if n_q is not None:
        counts = torch.tensor([len(codec.config.segment_lengths(n)) for n in lengths], device=n_q.device)
        with torch.autocast(audio.device.type, enabled=False):
            quantized = codec.quantizer(vectors, n_q.repeat_interleave(counts))
        heard = quantized.vectors
    if codec.semantic is not None and spoken is not None:
        heard = codec.semantic.combine(heard, spoken, ends_of(latent.n_frames, heard.shape[1], heard.device))
    output = codec.synthesise(heard, latent.n_frames, latent.scale)
    output = join(output, latent.n_frames, lengths, codec.config)
    missing = max(0, audio.shape[-1] - output.shape[-1])
    output = functional.pad(output, (0, missing))[..., : audio.shape[-1]]
    return SeanetPass(output.to(audio.dtype), vectors, quantized)
