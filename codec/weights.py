"""Weights of a codec in a safetensors file: written as float16, loaded as float32, checked before use."""

import hashlib
import json
from pathlib import Path
from typing import Any, overload

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from codec.config import CodecConfig
from codec.errors import RepositoryError
from codec.model import Codec
from codec.model_config import ModelConfig
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec

AnyCodec = Codec | SeanetCodec

_DTYPES = ("F16", "F32")


def save_weights(codec: AnyCodec, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write all weights and codebooks, rounded to float16, or exactly as float32.

    A codec whose weight norm was folded no longer has the tensors that its config names.
    """
    state = codec.state_dict()
    save_file({name: tensor.to(dtype).contiguous() for name, tensor in state.items()}, path)


@overload
def load_weights(config: CodecConfig, path: Path) -> Codec: ...
@overload
def load_weights(config: SeanetCodecConfig, path: Path) -> SeanetCodec: ...
def load_weights(config: ModelConfig, path: Path) -> AnyCodec:
    """The codec of `config` with the weights of `path`, in float32, ready to infer.

    Raises `RepositoryError` if names, shapes or types are not those of the config, or a value is not finite.
    """
    with torch.device("meta"):
        codec = SeanetCodec(config) if isinstance(config, SeanetCodecConfig) else Codec(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in codec.state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            _check_layout(wanted, {name: file.get_slice(name) for name in file.keys()}, path)  # noqa: SIM118
            state = {name: file.get_tensor(name).to(torch.float32) for name in wanted}
    except (SafetensorError, OSError) as error:
        raise RepositoryError(f"{path.name} cannot be read: {error}; publish the version again") from error
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise RepositoryError(f"{path.name}: {name} holds NaN or infinity; publish a sound checkpoint")
    # Only now is memory taken for the model: as much as the file had.
    codec.to_empty(device="cpu").load_state_dict(state)
    codec.reset_buffers()
    return codec.eval().requires_grad_(False)


def _check_layout(wanted: dict[str, tuple[int, ...]], found: dict[str, Any], path: Path) -> None:
    if set(found) != set(wanted):
        odd = sorted(set(found) ^ set(wanted))
        raise RepositoryError(f"{path.name}: missing or unexpected tensors, for example {odd[:3]}")
    for name, shape in wanted.items():
        if tuple(found[name].get_shape()) != shape or found[name].get_dtype() not in _DTYPES:
            raise RepositoryError(
                f"{path.name}: {name} is {found[name].get_dtype()} {found[name].get_shape()}, "
                f"the config wants float {list(shape)}"
            )


def token_space_of(codec: AnyCodec) -> str:
    """The identity of what codes mean: a hash over quantizer (as float16), its config and the frame rate.

    Two versions with the same id can decode each other's tokens. A quantizer's tensors are its codebooks
    and, where it is factorised, its projections, whose weight norm must not be folded yet.
    """
    config = codec.config
    meaning = {
        "quantizer": config.quantizer.model_dump(mode="json"),
        "frame_rate": [config.frame_rate.numerator, config.frame_rate.denominator],
        "sample_rate": config.sample_rate,
    }
    digest = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode())
    for tensor in codec.quantizer.state_dict().values():
        digest.update(tensor.to(torch.float16).contiguous().numpy().astype("<f2").tobytes())
    return f"ts-{digest.hexdigest()[:16]}"
