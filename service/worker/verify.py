"""The gates that a model version passes before a worker serves it; each has a name and gives a reason."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from codec.checkpoint import LoadedCodec, load_codec
from codec.errors import ConfigError, RepositoryError
from codec.golden import golden_mismatch
from codec.repository import Repository, VersionPath
from service.ipc import Operation
from service.worker.calibrate import calibrate, real_time_factor
from service.worker.cost import CostModel
from service.worker.torch_engine import TorchEngine, geometry_of

_SPLIT_FRAMES = (1, 4, 2, 7, 1, 3, 25)
_MAX_DECODE_ERROR = 1e-4


class VersionRejectedError(Exception):
    """A version that must not be served: the gate (`stage`) where it failed, and why."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """A model that may be served, its engine, and what its steps cost here."""

    loaded: LoadedCodec
    engine: TorchEngine
    costs: dict[Operation, CostModel]


def verify(model: str, version: str, path: Path, rows: int) -> VerifiedModel:
    """Load a version and check all that can be checked; `rows`: rows of state of its engine.

    Raises `VersionRejectedError` with stage schema (manifest and config), digest (every file), weights
    (names, shapes, finite values), golden (recorded codes come out again), stream (cut into pieces, the
    same codes and audio), speed (above real time) or load (anything else).
    """
    _check_files(VersionPath(model, version, path))
    loaded = _load(path)
    _check_golden(loaded)
    _check_stream(loaded)
    engine = TorchEngine(loaded.codec, rows)
    geometry = geometry_of(loaded.codec)
    costs = calibrate(engine, geometry, rows)
    factor = real_time_factor(costs, geometry)
    if factor < 1:
        raise VersionRejectedError(
            "speed", f"{factor:.2f} times real time on this machine; at least 1 is needed"
        )
    return VerifiedModel(loaded, engine, costs)


def _check_files(version: VersionPath) -> None:
    try:
        manifest = version.manifest()
    except RepositoryError as error:
        raise VersionRejectedError("schema", str(error)) from error
    if not manifest.causal:
        raise VersionRejectedError("schema", "the model is not causal; this worker serves causal models")
    try:
        Repository(version.path.parents[2]).verify(version)
    except RepositoryError as error:
        raise VersionRejectedError("digest", str(error)) from error


def _load(path: Path) -> LoadedCodec:
    try:
        return load_codec(path)
    except ConfigError as error:
        raise VersionRejectedError("schema", str(error)) from error
    except RepositoryError as error:
        raise VersionRejectedError("weights", str(error)) from error
    except Exception as error:
        raise VersionRejectedError("load", f"{type(error).__name__}: {error}") from error


def _tolerance(loaded: LoadedCodec) -> float:
    return loaded.manifest.golden.tolerance if loaded.manifest.golden else 0.0


def _check_golden(loaded: LoadedCodec) -> None:
    mismatch = golden_mismatch(loaded.codec, loaded.golden)
    if mismatch > _tolerance(loaded):
        raise VersionRejectedError("golden", f"{mismatch:.1%} of the golden codes do not come out again")


def _check_stream(loaded: LoadedCodec) -> None:
    """The golden clip in uneven pieces, in the second of two rows, against the clip as a whole."""
    codec, hop, n_q = loaded.codec, loaded.codec.config.hop_samples, loaded.golden.codes.shape[1]
    engine = TorchEngine(codec, rows=2)
    frames = loaded.golden.codes.shape[2]
    samples = np.zeros((1, frames * hop, 1), np.float32)
    samples[0, : loaded.golden.audio.shape[-1], 0] = loaded.golden.audio[0, 0].numpy()
    codes, audio = [], []
    at = 0
    for split in itertools.cycle(_SPLIT_FRAMES):
        codes.append(engine.encode([1], samples[:, at * hop : (at + split) * hop], n_q))
        audio.append(engine.decode([1], codes[-1].astype(np.int64)))
        at += split
        if at >= frames:
            break
    streamed = torch.from_numpy(np.concatenate(codes, axis=1).astype(np.int64)).transpose(1, 2)
    whole = codec.encode(loaded.golden.audio, n_q).codes
    mismatch = float((streamed != whole).double().mean())
    if mismatch > _tolerance(loaded):
        raise VersionRejectedError("stream", f"{mismatch:.1%} of the codes depend on how the stream is cut")
    heard = np.concatenate(audio, axis=1)[0, codec.config.delay_samples :, 0]
    error = float(np.abs(heard - codec.decode(streamed)[0, 0].numpy()).max())
    if not error <= _MAX_DECODE_ERROR:
        raise VersionRejectedError(
            "stream", f"decoded audio depends on how the stream is cut, by {error:.2g}"
        )
