"""HuBERT: features of speech by a transformer that learned to predict masked units (arXiv 2106.07447).

The architecture is torchaudio's; the weights come from a local file, and nothing is ever downloaded.
"""

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from torchaudio.models import wav2vec2_model

from codec.errors import ForeignModelError, InvalidRequestError
from codec.importers.state_dict import read_state_dict

SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = 320
WINDOW_SAMPLES = 400

WHOLE_FRAMES = 1500
"""Frames heard at once, 30 s. Attention and norms reach over all of them, and their cost over the square."""

CONTEXT_FRAMES = 250
"""Of longer audio, frames on either side of a piece that are heard with it and then dropped: 5 s."""

_KERNELS, _STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
_SIZE_OF_HEAD = {1280: 80}
"""Channels per attention head where they are not 64: only in HuBERT's largest size."""


class Hubert:
    """Features of one layer.

    `weights`: a state dict with torchaudio's names, as safetensors or as torch saves it; its tensors tell the
    size of the model. `layer`: whose output is wanted, from 1. Raises `ForeignModelError` for a file that is
    no such model, `InvalidRequestError` for a layer that it does not have.
    """

    def __init__(self, weights: Path, layer: int) -> None:
        state = {n: t.float() for n, t in _read(weights).items() if not n.startswith("aux.")}
        try:
            arguments = architecture_of(state)
        except (KeyError, IndexError, ZeroDivisionError) as error:
            raise ForeignModelError(
                f"{weights} is no HuBERT with torchaudio's names ({error}); "
                "convert it by torchaudio.models.wav2vec2.utils"
            ) from error
        if not 1 <= layer <= arguments["encoder_num_layers"]:
            layers = arguments["encoder_num_layers"]
            raise InvalidRequestError(f"layer is {layer}; {weights} has layers 1..{layers}")
        try:
            with torch.device("meta"):
                self._model = wav2vec2_model(**arguments)
            self._model.load_state_dict(state, assign=True)
        except (RuntimeError, ValueError) as error:
            raise ForeignModelError(f"{weights} is no HuBERT that can be read: {error}") from error
        if not all(torch.isfinite(tensor).all() for tensor in state.values()):
            raise ForeignModelError(f"{weights} holds NaN or infinity; give sound weights")
        self._model.eval().requires_grad_(False)
        self._normalises = arguments["extractor_mode"] == "layer_norm"
        self.layer = layer
        self.dimension: int = arguments["encoder_embed_dim"]

    def digest(self) -> str:
        """The identity of the weights, whatever file they came in: SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(f"{name}{list(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().astype("<f4").tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def features(self, audio: Tensor) -> Tensor:
        """Features float32 `[frame, dimension]` of one recording at 16 kHz, float32 `[sample]`.

        A frame for every whole window of 400 samples, one every 320; audio shorter than a window gives one.
        Audio of more than `WHOLE_FRAMES` is heard in pieces, each with its context, so that memory stays
        bounded. Its features are not those of the whole, as attention and norms reach over all they get.
        """
        audio = functional.pad(audio, (0, max(0, WINDOW_SAMPLES - len(audio))))
        if self._normalises:
            audio = functional.layer_norm(audio, audio.shape)
        frames = (len(audio) - WINDOW_SAMPLES) // HOP_SAMPLES + 1
        core = WHOLE_FRAMES if frames <= WHOLE_FRAMES else WHOLE_FRAMES - 2 * CONTEXT_FRAMES
        pieces = []
        for start in range(0, frames, core):
            first = max(0, start - CONTEXT_FRAMES)
            end = min(frames, start + core + CONTEXT_FRAMES)
            # What follows the last window gives no frame, but the norm of the base size hears it.
            last = len(audio) if end == frames else (end - 1) * HOP_SAMPLES + WINDOW_SAMPLES
            heard = audio[first * HOP_SAMPLES : last]
            layers, _ = self._model.extract_features(heard.unsqueeze(0), num_layers=self.layer)
            pieces.append(layers[-1][0, start - first : start - first + core])
        return torch.cat(pieces)


def architecture_of(state: dict[str, Tensor]) -> dict[str, Any]:
    """The arguments of `wav2vec2_model` that give these tensors; a missing one is a `KeyError`.

    Raises `ForeignModelError` where the tensors are none of HuBERT's.
    """
    weights = [state[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(len(_KERNELS))]
    if any(weight.dim() != 3 or weight.shape[2] != k for weight, k in zip(weights, _KERNELS, strict=True)):
        raise ForeignModelError(f"the kernels of HuBERT's seven convolutions are {_KERNELS}, not these")
    dimension = state["encoder.feature_projection.projection.weight"].shape[0]
    size_of_head = _SIZE_OF_HEAD.get(dimension, 64)
    if dimension % size_of_head:
        raise ForeignModelError(f"{dimension} channels cannot be shared among heads of {size_of_head}")
    positions = "encoder.transformer.pos_conv_embed.conv."
    new, old = f"{positions}parametrizations.weight.original1", f"{positions}weight_v"
    position = state[new] if new in state else state[old]
    layers = "encoder.transformer.layers."
    every_layer_normed = "feature_extractor.conv_layers.1.layer_norm.weight" in state
    return {
        "extractor_mode": "layer_norm" if every_layer_normed else "group_norm",
        "extractor_conv_layer_config": [
            (weight.shape[0], k, s) for weight, k, s in zip(weights, _KERNELS, _STRIDES, strict=True)
        ],
        "extractor_conv_bias": "feature_extractor.conv_layers.0.conv.bias" in state,
        "encoder_embed_dim": dimension,
        "encoder_projection_dropout": 0.0,
        "encoder_pos_conv_kernel": position.shape[2],
        "encoder_pos_conv_groups": dimension // position.shape[1],
        "encoder_num_layers": len({n.split(".")[3] for n in state if n.startswith(layers)}),
        "encoder_num_heads": dimension // size_of_head,
        "encoder_attention_dropout": 0.0,
        "encoder_ff_interm_features": state[f"{layers}0.feed_forward.intermediate_dense.weight"].shape[0],
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.0,
        # In every size of HuBERT the transformer norms first where every convolution is normed.
        "encoder_layer_norm_first": every_layer_normed,
        "encoder_layer_drop": 0.0,
        "aux_num_out": None,
    }


def _read(weights: Path) -> dict[str, Tensor]:
    if weights.suffix != ".safetensors":
        return read_state_dict(weights)
    try:
        return load_file(weights)
    except (SafetensorError, OSError) as error:
        raise ForeignModelError(f"{weights} cannot be read as safetensors: {error}") from error
