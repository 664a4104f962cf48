"""Small HuBERT models with random weights, in torchaudio's own architecture."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchaudio.models import wav2vec2_model

CONVOLUTIONS = [(16, 10, 5), *[(16, 3, 2)] * 4, *[(16, 2, 2)] * 2]
LAYERS, DIMENSION = 2, 64


def small_hubert(mode: str = "group_norm", seed: int = 0) -> nn.Module:
    """Base (`group_norm`) or large (`layer_norm`) in small."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: nn.Module = wav2vec2_model(
            extractor_mode=mode,
            extractor_conv_layer_config=CONVOLUTIONS,
            extractor_conv_bias=False,
            encoder_embed_dim=DIMENSION,
            encoder_projection_dropout=0.1,
            encoder_pos_conv_kernel=8,
            encoder_pos_conv_groups=4,
            encoder_num_layers=LAYERS,
            encoder_num_heads=1,
            encoder_attention_dropout=0.1,
            encoder_ff_interm_features=96,
            encoder_ff_interm_dropout=0.1,
            encoder_dropout=0.1,
            encoder_layer_norm_first=mode == "layer_norm",
            encoder_layer_drop=0.1,
            aux_num_out=None,
        )
    return model.eval().requires_grad_(False)


def write_weights(path: Path, state: dict[str, Tensor]) -> Path:
    """A state dict in the format that the name asks for."""
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path
