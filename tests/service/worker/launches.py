"""What a step asks of the device, seen on the CPU: the calls that no CUDA graph can hold."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Each of them makes the host wait for a value, or, as lift_fresh does, a tensor from values of the host.
_WAITING = {
    "_local_scalar_dense", "bincount", "equal", "is_nonzero", "lift_fresh", "masked_select", "nonzero",
    "unique_dim", "_unique2", "repeat_interleave",
}  # fmt: skip
_BY_INDEX = {"index", "index_put", "index_put_", "_index_put_impl_"}


class Launches(TorchDispatchMode):
    """Notes the names of all calls, and of those that wait; a copy to another device counts as waiting."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()
        self.waiting: set[str] = set()

    def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the call and make it."""
        name = call.overloadpacket.__name__
        self.names.add(name)
        masks = [i for i in args[1] if i is not None] if name in _BY_INDEX else []
        # A mask is made into places first, and how many there are is known on the device alone.
        if name in _WAITING or any(mask.dtype in (torch.bool, torch.uint8) for mask in masks):
            self.waiting.add(name)
        made = call(*args, **(kwargs or {}))
        sources = [arg for arg in args if isinstance(arg, Tensor) and arg.dim()]
        if isinstance(made, Tensor) and any(source.device != made.device for source in sources):
            self.waiting.add(name)
        return made


def launches_of(work: Callable[[], object]) -> Launches:
    """Run it and tell what it asked for, down to the calls that are not made of others."""
    launches = Launches()
    # In inference mode only the outermost calls would be seen.
    with torch.no_grad(), launches:
        work()
    return launches
