"""A small random model, published like a real one, for tests of the service."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from codec.checkpoint import draft_manifest, load_codec, write_files
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


def publish_tiny(
    root: Path, work: Path, *, seed: int = 0, name: str = "tiny", channel: str = "stable"
) -> VersionPath:
    """Publish `tiny_codec(seed)` as a version of `name`, on `channel`; `work`: a folder for the files."""
    codec = tiny_codec(seed)
    folder = work / f"{name}-{seed}"
    write_files(codec, torch.from_numpy(voiced(1.0)).reshape(1, 1, -1), folder)
    draft = draft_manifest(codec, name, "a tiny model for tests")
    return Repository(root).publish(name, folder, draft, channel)


def offline(
    version: VersionPath, samples: NDArray[np.float32], n_q: int
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """What a published version makes of a clip as a whole: codes `[codebook, frame]`, and samples."""
    codec = load_codec(version.path).codec
    with torch.inference_mode():
        encoded = codec.encode(torch.from_numpy(samples).reshape(1, 1, -1), n_q)
        decoded = codec.decode(encoded)
    return encoded.codes[0].numpy().astype(np.uint16), decoded[0, 0].numpy()
