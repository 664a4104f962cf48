"""Small codecs with random weights, for tests that need a model but not a good one."""

import tempfile
from pathlib import Path

import torch

from codec.checkpoint import draft_manifest, write_files
from codec.config import CodecConfig, NetworkConfig, QuantizerConfig
from codec.golden import golden_signal
from codec.layers.block import ResidualBlock
from codec.model import Codec
from codec.repository import Repository, VersionPath
from tests.codec.seanets import small_codec

TINY = CodecConfig(
    network=NetworkConfig(width=32, expansion=2, kernel_frames=5, encoder_blocks=2, decoder_blocks=2),
    quantizer=QuantizerConfig(codebooks=6, codebook_size=64, dimension=16),
)


def random_codec(config: CodecConfig = TINY, seed: int = 0) -> Codec:
    """A codec whose residual branches and codebooks matter: a fresh one is nearly the identity."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codec = Codec(config)
    for module in codec.modules():
        if isinstance(module, ResidualBlock):
            torch.nn.init.constant_(module.gain, 0.5)
    books = codec.quantizer.codebooks
    books.copy_(torch.randn(books.shape, generator=generator) * 0.2)
    return codec.eval().requires_grad_(False)


def noise(batch: int, samples: int, seed: int = 0) -> torch.Tensor:
    """White noise `[batch, 1, sample]` at speech level."""
    return torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def publish_tiny(root: Path, name: str = "tiny", seed: int = 0, channel: str = "stable") -> VersionPath:
    """Publish a small random codec, other codebooks for every seed, to the repository at `root`."""
    codec = random_codec(seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        write_files(codec, noise(1, 8000, seed), Path(folder))
        return Repository(root).publish(name, Path(folder), draft_manifest(codec, name), channel)


def publish_seanet(root: Path, preset: str, name: str) -> VersionPath:
    """Publish a small random codec with a preset's structure, as an import does: in float32."""
    codec = small_codec(preset).float()
    small_codec.cache_clear()
    config = codec.config
    with tempfile.TemporaryDirectory() as folder:
        write_files(codec, golden_signal(config.sample_rate, config.channels), Path(folder), torch.float32)
        return Repository(root).publish(name, Path(folder), draft_manifest(codec, name))
