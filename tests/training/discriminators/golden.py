"""Five small discriminators with weights and outputs of the paper's toolkit."""

import re

import numpy as np
import torch
from torch import Tensor

from tests.support import shared_dir
from training.discriminators.config import (
    ComplexStftConfig,
    DiscriminatorKind,
    DiscriminatorsConfig,
    PeriodConfig,
    ScaleConfig,
    StftConfig,
    WaveConfig,
)
from training.discriminators.discriminators import Discriminators

CONFIG = DiscriminatorsConfig(
    kinds=(
        StftConfig(filters=4),
        PeriodConfig(channels=4, max_channels=8),
        ScaleConfig(channels=16, max_channels=16),
        # The factors that the toolkit computes; it means 1, 2, 4.
        WaveConfig(channels=4, max_channels=16, factors=(1, 2, 2)),
        ComplexStftConfig(channels=2),
    )
)

# The toolkit's names of layers and ours; every kind uses some of them.
_RENAMES = (
    (r"^convs\.(\d+)\.(?:conv|0)\.", r"layers.\1."),
    (r"^conv_layers\.(\d+)\.0\.", r"layers.\1."),
    (r"^init_conv\.", "enter."),
    (r"^final_conv\.0\.", "leave."),
    (r"^(conv_post\.conv|output_conv|final_conv\.2|final_conv|layers\.7)\.", "judge."),
    (r"\.1\.b$", ".1.bias"),
    (r"\.weight_g$", ".parametrizations.weight.original0"),
    (r"\.weight_v$", ".parametrizations.weight.original1"),
)


def ours(state: dict[str, Tensor], config: DiscriminatorsConfig) -> dict[str, Tensor]:
    """The toolkit's `multiple_disc` state dict under our names."""
    judges = [len(Discriminators(DiscriminatorsConfig(kinds=(kind,))).judges) for kind in config.kinds]
    renamed = {}
    for key, tensor in state.items():
        found = re.match(r"discriminator\.discriminators\.(\d+)\.(?:discriminators\.(\d+)\.)?(.*)", key)
        assert found, key
        entry, inner, name = int(found[1]), int(found[2] or 0), found[3]
        if name == "spec_transform.window":
            continue
        if config.kinds[entry].kind == "scale":
            name = re.sub(r"^(layers\.[0-6])\.0\.", r"\1.", name)
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        renamed[f"judges.{sum(judges[:entry]) + inner}.{name}"] = tensor
    return renamed


def golden() -> tuple[Discriminators, dict[str, Tensor]]:
    """The discriminators with the toolkit's weights, and what it computed with them."""
    folder = shared_dir() / "golden" / "discriminators"
    discriminators = Discriminators(CONFIG)
    state = torch.load(folder / "checkpoint.pth", map_location="cpu", weights_only=True)
    discriminators.load_state_dict(ours(state, CONFIG))
    with np.load(folder / "vectors.npz") as vectors:
        return discriminators, {name: torch.from_numpy(array) for name, array in vectors.items()}


def assert_as_the_reference(indices: range) -> None:
    """The outputs number `indices` of the golden discriminators are those of the toolkit."""
    discriminators, vectors = golden()
    for index in indices:
        with torch.no_grad():
            real = discriminators.judges[index](vectors["real"])
            fake = discriminators.judges[index](vectors["fake"])
        name = f"out{index:02d}"
        torch.testing.assert_close(real.logits, vectors[f"{name}.logits"], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(fake.logits, vectors[f"{name}.fake_logits"], rtol=1e-4, atol=1e-6)
        stats = torch.stack([_statistics(feature) for feature in real.features])
        torch.testing.assert_close(stats, vectors[f"{name}.fmap_stats"], rtol=1e-4, atol=1e-3)


def parameters(kind: DiscriminatorKind) -> list[int]:
    """Number of parameters of each discriminator of a kind; no memory is taken for them."""
    with torch.device("meta"):
        judges = Discriminators(DiscriminatorsConfig(kinds=(kind,))).judges
    return [sum(p.numel() for p in judge.parameters()) for judge in judges]


def _statistics(feature: Tensor) -> Tensor:
    """Mean modulus, sum of the real and of the imaginary parts."""
    whole = feature.to(torch.complex128)
    return torch.stack((whole.abs().mean(), whole.real.sum(), whole.imag.sum()))
