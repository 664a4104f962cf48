"""One differentiable pass over a batch, of whatever family the codec is."""

from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from codec.model import Codec
from codec.model_config import ModelConfig
from codec.quantizer import Quantized
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec
from codec.seanet_training import seanet_pass
from codec.weights import AnyCodec
from training.compiled import compiled
from training.data import Batch
from training.ranks import Ranks, SharedQuantizer


@dataclass(frozen=True, slots=True)
class Pass:
    """What came back of a batch.

    `target`, `output`: `[row, sample]`, aligned and equally long, a row for each channel of each item;
    `latent`: `[item, frame, dimension]`, what the quantizer is given; `quantized`: None without quantizer.
    """

    target: Tensor
    output: Tensor
    latent: Tensor
    quantized: Quantized | None


def random_codec(config: ModelConfig) -> AnyCodec:
    """A codec of the family that the config is of, with weights from torch's global generator."""
    return SeanetCodec(config) if isinstance(config, SeanetCodecConfig) else Codec(config)


def for_crops(codec: AnyCodec, crop_samples: int, ranks: Ranks, *, fast: bool = False) -> AnyCodec:
    """The codec as training passes see it: the same weights, and crops are coded whole.

    With several ranks its quantizer sees the latents of all. `fast`: its networks are compiled; the quantizer
    is not, whose work depends on the codebooks in use.
    """
    view = copy(codec)
    # The view's own table of children: what is replaced in it stays in the codec.
    view._modules = dict(codec._modules)
    if isinstance(view, SeanetCodec) and view.config.segments:
        segments = view.config.segments.model_copy(update={"whole_samples": crop_samples})
        view.config = view.config.model_copy(update={"segments": segments})
    if ranks.count > 1:
        view._modules["quantizer"] = SharedQuantizer(codec.quantizer, ranks)
    if fast:
        for name in ("encoder", "decoder"):
            view._modules[name] = compiled(codec.get_submodule(name), ranks.device)
    return view


def run_pass(codec: AnyCodec, batch: Batch, n_q: Tensor | None, bfloat16: bool) -> Pass:
    """Through encoder, quantizer and decoder; `n_q`: int64 `[item]`, None to pass the latent unquantized.

    With `bfloat16` encoder and decoder compute under autocast; the quantizer does not.
    """
    if isinstance(codec, SeanetCodec):
        return _seanet(codec, batch, n_q, bfloat16)
    return _spectral(codec, batch, n_q, bfloat16)


def _spectral(codec: Codec, batch: Batch, n_q: Tensor | None, bfloat16: bool) -> Pass:
    audio = batch.audio
    with torch.autocast(audio.device.type, torch.bfloat16, enabled=bfloat16):
        latent, _ = codec.embed(audio, codec.encoder_state(len(audio)))
    heard, quantized = latent, None
    if n_q is not None:
        quantized = codec.quantizer(latent, n_q)
        heard = quantized.vectors
    with torch.autocast(audio.device.type, torch.bfloat16, enabled=bfloat16):
        output, _ = codec.synthesise(heard, codec.decoder_state(len(audio)))
    delay = codec.config.delay_samples
    return Pass(audio[:, 0, :-delay], output[:, 0, delay:], latent, quantized)


def _seanet(codec: SeanetCodec, batch: Batch, n_q: Tensor | None, bfloat16: bool) -> Pass:
    with torch.autocast(batch.audio.device.type, torch.bfloat16, enabled=bfloat16):
        found = seanet_pass(codec, batch.audio, n_q, batch.labels)
    return Pass(batch.audio.flatten(0, 1), found.output.flatten(0, 1), found.latent, found.quantized)
