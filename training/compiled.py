"""`torch.compile` for the parts of a step that are the same at every step."""

import os
import shutil
from copy import copy
from typing import TypeVar

import torch
from torch import nn

from codec.errors import ConfigError

Part = TypeVar("Part", bound=nn.Module)

_CALLS = ("forward", "step")


def compiled(part: Part, device: torch.device) -> Part:
    """The same module, with its calls compiled when first made; names and tensors are the original's.

    Raises `ConfigError` where there is no compiler for the device.
    """
    _check_compiler(device)
    view = copy(part)
    for name in _CALLS:
        if hasattr(part, name):
            # Crops are all of one length: a second one would be a mistake, not a reason for slower code.
            view.__dict__[name] = torch.compile(getattr(part, name), dynamic=False)
    return view


def _check_compiler(device: torch.device) -> None:
    # What torch would use; it looks only at the first step, after all data was read.
    name = os.environ.get("CXX", "g++")
    if device.type == "cpu" and shutil.which(name) is None:
        raise ConfigError(
            f"compile needs a C++ compiler, and there is no {name}; install it, or set compile=false"
        )
