"""State dicts of other toolkits: read safely, and renamed to the modules of `SeanetCodec`."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from codec.errors import ForeignModelError
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec
from codec.seanet_network_config import SeanetConfig

CONVOLUTION = {
    "{leaf}.{leaf}.weight": "convolution.weight",
    "{leaf}.{leaf}.bias": "convolution.bias",
    "{leaf}.{leaf}.weight_g": "convolution.parametrizations.weight.original0",
    "{leaf}.{leaf}.weight_v": "convolution.parametrizations.weight.original1",
    "{leaf}.norm.weight": "norm.weight",
    "{leaf}.norm.bias": "norm.bias",
}
"""Names under a convolution of the reference (`leaf` is conv or convtr) and under one of ours."""


def read_checkpoint(path: Path) -> object:
    """What a `.pth` file holds, read without running anything in it: tensors, texts, numbers, lists, dicts.

    Raises `ForeignModelError` if the file is no checkpoint, or holds more than that.
    """
    if not _is_plain_zip(path):
        raise ForeignModelError(
            f"{path} is no checkpoint as torch 1.6 and later save it; save it again with one"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # A damaged pickle makes the reader fail in any way, by type and by place.
        raise ForeignModelError(
            f"{path} is no checkpoint of tensors alone, and nothing else is read: {error}"
        ) from error


def _is_plain_zip(path: Path) -> bool:
    """Whether a file is an archive that unpacks to no more than its own size, as torch writes them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist()) <= path.stat().st_size
    except OSError as error:
        raise ForeignModelError(f"{path} cannot be read: {error}; check the path") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        return False


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.pth` file by name. Raises `ForeignModelError` if it is no state dict of tensors."""
    loaded = read_checkpoint(path)
    # A training checkpoint of FunCodec keeps the state dict under "model".
    if isinstance(loaded, dict) and isinstance(loaded.get("model"), dict):
        loaded = loaded["model"]
    return tensors_of(loaded, path)


def tensors_of(loaded: object, path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict that was read. Raises `ForeignModelError` if it is none."""
    if not isinstance(loaded, dict) or not loaded:
        raise ForeignModelError(f"{path} holds no state dict; give the file of the model's weights")
    for name, tensor in loaded.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ForeignModelError(f"{path}: {name!r} is no tensor; give the file of the model's weights")
        if tensor.layout != torch.strided:
            raise ForeignModelError(f"{path}: {name!r} is sparse; save it as a plain tensor")
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise ForeignModelError(f"{path} is smaller than the tensors that it claims to hold, as {name!r}")
    return loaded


def reference_modules(config: SeanetConfig) -> Iterator[tuple[str, str]]:
    """Prefix in the reference and in `SeanetCodec` of every convolution and LSTM.

    The reference numbers the modules of one sequence, activations and changes of shape included.
    """
    yield from _encoder(config)
    yield from _decoder(config)


def _unit(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    yield f"{theirs}.block.1.conv", f"{ours}.inner"
    yield f"{theirs}.block.3.conv", f"{ours}.outer"
    yield f"{theirs}.shortcut.conv", f"{ours}.shortcut"


def _encoder(config: SeanetConfig) -> Iterator[tuple[str, str]]:
    yield "encoder.model.0.conv", "encoder.enter"
    place = 1
    for stage in range(len(config.time_ratios)):
        for unit in range(config.residual_units):
            yield from _unit(f"encoder.model.{place}", f"encoder.stages.{stage}.units.{unit}")
            place += 1
        yield f"encoder.model.{place + 1}.conv", f"encoder.stages.{stage}.resample"
        place += 2
    place += config.two_dimensional
    if config.lstm_layers:
        yield f"encoder.model.{place}.lstm", "encoder.sequence.recurrence"
        place += 1
    yield f"encoder.model.{place + 1}.conv", "encoder.leave"


def _decoder(config: SeanetConfig) -> Iterator[tuple[str, str]]:
    yield "decoder.model.0.conv", "decoder.enter"
    place = 1
    if config.lstm_layers:
        yield f"decoder.model.{place}.lstm", "decoder.sequence.recurrence"
        place += 1
    place += config.two_dimensional
    for stage in range(len(config.time_ratios)):
        yield f"decoder.model.{place + 1}.convtr", f"decoder.stages.{stage}.resample"
        place += 2
        for unit in range(config.residual_units):
            yield from _unit(f"decoder.model.{place}", f"decoder.stages.{stage}.units.{unit}")
            place += 1
    yield f"decoder.model.{place + 1}.conv", "decoder.leave"


def renamed(
    state: dict[str, Tensor], modules: Iterator[tuple[str, str]]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors under the given modules by our names, and the tensors that are left, by theirs."""
    names: dict[str, str] = {}
    for theirs, ours in modules:
        parent, _, leaf = theirs.rpartition(".")
        if leaf == "lstm":
            inside = [name for name in state if name.startswith(f"{theirs}.")]
            names |= {name: ours + name.removeprefix(theirs) for name in inside}
        else:
            table = {pattern.format(leaf=leaf): own for pattern, own in CONVOLUTION.items()}
            names |= {f"{parent}.{name}": f"{ours}.{own}" for name, own in table.items()}
    ours_state = {own: state[name] for name, own in names.items() if name in state}
    return ours_state, {name: tensor for name, tensor in state.items() if name not in names}


def load_renamed(config: SeanetCodecConfig, state: dict[str, Tensor], source: Path) -> SeanetCodec:
    """The codec of `config` with exactly these tensors of the file `source`, ready to infer.

    Raises `ForeignModelError` if a name or shape is not the codec's, or a value is not finite. No memory is
    taken before, so a file that claims much and holds little costs nothing.
    """
    with torch.device("meta"):
        codec = SeanetCodec(config)
    wanted = {name: tensor.shape for name, tensor in codec.state_dict().items()}
    odd = sorted(set(wanted) ^ set(state))
    if odd:
        raise ForeignModelError(
            f"{source}: missing or unexpected tensors for this config, for example {odd[:3]}"
        )
    if sum(tensor.nbytes for tensor in state.values()) > source.stat().st_size:
        raise ForeignModelError(f"{source} is smaller than the tensors that it claims to hold")
    for name, shape in wanted.items():
        tensor = state[name]
        if tensor.shape != shape or not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            raise ForeignModelError(
                f"{source}: {name} is {tensor.dtype} {list(tensor.shape)}; not finite floats {list(shape)}"
            )
    codec.to_empty(device="cpu").load_state_dict(state)
    codec.reset_buffers()
    return codec.eval().requires_grad_(False)
