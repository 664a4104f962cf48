"""A small published model for the repository tests; its weights are opaque bytes there."""

from pathlib import Path
from typing import Any

from codec.manifest import GoldenVectors, ManifestDraft

NAME = "tiny"


def make_draft(**changes: Any) -> ManifestDraft:
    facts: dict[str, Any] = {
        "name": NAME,
        "token_space": "0123456789abcdef",
        "sample_rate": 16_000,
        "channels": 1,
        "hop_samples": 320,
        "frame_rate": (50, 1),
        "codebooks": 32,
        "codebook_size": 1024,
        "causal": True,
        "receptive_field_samples": 4096,
        "delay_samples": 352,
        "latency_ms": 42.0,
        "golden": GoldenVectors(input="golden/input.wav", codes="golden/codes.npy", n_q=8),
        "metrics": {"stoi": 0.9},
        "description": "A test model.",
        "licence": "CC0-1.0",
    }
    return ManifestDraft(**{**facts, **changes})


def make_files(folder: Path, weights: bytes = b"weights") -> Path:
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.yaml").write_text("family: spectral\n")
    (folder / "golden" / "input.wav").write_bytes(b"RIFF")
    (folder / "golden" / "codes.npy").write_bytes(b"\x93NUMPY")
    return folder
