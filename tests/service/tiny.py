"""A small random model, published like a real one, for tests of the service."""

from pathlib import Path

import torch

from codec.checkpoint import draft_manifest, write_files
from codec.config import CodecConfig, NetworkConfig, QuantizerConfig
from codec.model import Codec
from codec.repository import Repository, VersionPath
from tests.support import voiced

TINY = CodecConfig(
    network=NetworkConfig(width=32, encoder_blocks=1, decoder_blocks=1),
    quantizer=QuantizerConfig(codebooks=32, codebook_size=1024, dimension=16),
)


def tiny_codec(seed: int = 0) -> Codec:
    """A codec of 16 kHz, hop 320 and 32 codebooks with random weights, other ones for another seed."""
    torch.manual_seed(seed)
    codec = Codec(TINY)
    with torch.no_grad():
        codec.quantizer.codebooks.normal_()
    return codec.eval()


def publish_tiny(root: Path, work: Path, *, seed: int = 0, name: str = "tiny") -> VersionPath:
    """Publish `tiny_codec(seed)` as the stable version of `name`; `work`: a folder for the files."""
    codec = tiny_codec(seed)
    folder = work / f"{name}-{seed}"
    write_files(codec, torch.from_numpy(voiced(1.0)).reshape(1, 1, -1), folder)
    return Repository(root).publish(name, folder, draft_manifest(codec, name, "a tiny model for tests"))
