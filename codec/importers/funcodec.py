"""Models of FunCodec (github.com/modelscope/FunCodec): a folder with `config.yaml` and the weights."""

from pathlib import Path

import torch
from torch import Tensor

from codec.errors import ForeignModelError
from codec.importers.funcodec_config import read_funcodec_config
from codec.importers.state_dict import load_renamed, read_state_dict, reference_modules, renamed
from codec.seanet_config import SeanetCodecConfig, SpectrogramDomain
from codec.seanet_model import SeanetCodec

WEIGHT_FILES = ("model.pth", "checkpoint.pth")
TRAINING_ONLY = (
    "discriminator.",
    "mel_spec_transforms.",
    "quantizer.rq.model.cluster_size",
    "quantizer.rq.model.embed_avg",
)
"""Tensors that encode and decode nothing."""


def import_funcodec(folder: Path) -> SeanetCodec:
    """The codec in a folder as FunCodec releases it: `config.yaml` beside `model.pth` or `checkpoint.pth`.

    Raises `ForeignModelError` if files are missing, hold more than tensors, or do not fit each other.
    """
    config = read_funcodec_config(folder / "config.yaml")
    files = [folder / name for name in WEIGHT_FILES if (folder / name).is_file()]
    if not files:
        raise ForeignModelError(
            f"{folder} holds none of {', '.join(WEIGHT_FILES)}; give the folder of a model"
        )
    return load_renamed(config, funcodec_state(read_state_dict(files[0]), config, files[0]), files[0])


def funcodec_state(state: dict[str, Tensor], config: SeanetCodecConfig, source: Path) -> dict[str, Tensor]:
    """FunCodec's tensors by the names of `SeanetCodec`, those that only training needs left out.

    Raises `ForeignModelError` for a tensor that is neither, and for codebooks that were never trained.
    """
    ours, rest = renamed(state, reference_modules(config.network))
    rest = {name: tensor for name, tensor in rest.items() if not name.startswith(TRAINING_ONLY)}
    inited, embed = rest.pop("quantizer.rq.model.inited", None), rest.pop("quantizer.rq.model.embed", None)
    if inited is None or embed is None:
        raise ForeignModelError(
            f"{source} holds no quantizer.rq.model codebooks; give the file of a whole model"
        )
    if not bool((inited != 0).all()):
        raise ForeignModelError(f"{source}: a codebook was never trained (inited is 0); give a trained model")
    ours["quantizer.codebooks"] = embed
    if isinstance(config.domain, SpectrogramDomain):
        _check_windows(rest, config.domain, source)
    if config.semantic is not None:
        ours |= _semantic(rest, config.semantic.combine)
    if rest:
        raise ForeignModelError(f"{source}: {len(rest)} unknown tensors, for example {sorted(rest)[:3]}")
    return ours


def _check_windows(rest: dict[str, Tensor], domain: SpectrogramDomain, source: Path) -> None:
    hann = torch.hann_window(domain.n_fft, periodic=True)
    for name in ("enc_trans_func.window", "dec_trans_func.window"):
        window = rest.pop(name, hann)
        if window.shape != hann.shape or not torch.allclose(window.float(), hann, atol=1e-6):
            raise ForeignModelError(f"{source}: {name} is no Hann window of {domain.n_fft} samples")


def _semantic(rest: dict[str, Tensor], combine: str) -> dict[str, Tensor]:
    """Takes the tensors of the label branch out of `rest`, by our names."""
    modules = (("ppg_ds_layer.0.conv", "semantic.smooth"), ("ppg_ds_layer.2.conv", "semantic.reduce"))
    ours, left = renamed(rest, iter([*modules, ("ppg_cond_layer.0.conv", "semantic.mix")]))
    if "ppg_embedding.weight" in left:
        ours["semantic.embedding.weight"] = left.pop("ppg_embedding.weight")
    rest.clear()
    rest.update(left)
    # The reference builds the mixing layer in every mode and uses it in one.
    return {
        name: t for name, t in ours.items() if combine == "concat" or not name.startswith("semantic.mix.")
    }
