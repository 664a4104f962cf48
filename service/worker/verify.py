"""The gates that a model version passes before a worker serves it; each has a name and gives a reason."""

from dataclasses import dataclass
from pathlib import Path

import torch

from codec.checkpoint import LoadedCodec, load_codec
from codec.errors import ConfigError, RepositoryError
from codec.golden import golden_mismatch
from codec.repository import Repository, VersionPath
from codec.seanet_model import SeanetCodec
from codec.streaming import StreamingCodec
from service.ipc import Operation
from service.worker.calibrate import calibrate, real_time_factor
from service.worker.cost import CostModel
from service.worker.device import DeviceError, Placement, open_device
from service.worker.exactness import batch_fault, golden_decode, stream_fault
from service.worker.facts import info_of
from service.worker.item_calibrate import ITEM_SECONDS, calibrate_items
from service.worker.load_times import LoadTimes
from service.worker.padded_engine import PaddedEngine
from service.worker.torch_engine import TorchEngine, geometry_of
from service.worker.torch_items import TorchItemEngine

_MIN_STREAM_SPEED = 1.0
_MIN_ITEM_SPEED = 0.1
"""Nobody waits for a whole item sample by sample, and what takes too long for its deadline is refused anyhow;
a slower model has no place on this machine all the same.
"""


_MAX_REASON_CHARACTERS = 2000
"""The line to the supervisor takes a megabyte, and a hostile manifest can be wrong in more words."""


class VersionRejectedError(Exception):
    """A version that must not be served: the gate (`stage`) where it failed, and why."""

    def __init__(self, stage: str, reason: str) -> None:
        self.stage = stage
        self.reason = reason[:_MAX_REASON_CHARACTERS]
        super().__init__(f"{stage}: {self.reason}")


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """A model that may be served, its engine, what its steps cost here, and the seconds that each stage of
    all this took."""

    loaded: LoadedCodec
    engine: TorchEngine | PaddedEngine | TorchItemEngine
    costs: dict[Operation, CostModel]
    load_seconds: dict[str, float]


def verify(model: str, version: str, path: Path, rows: int, placement: Placement) -> VerifiedModel:
    """Load a version and check all that can be checked, where it will run.

    `rows`: rows of state of its engine, if it streams, at least two. Raises `VersionRejectedError` with stage
    device (it is not there), schema (manifest and config), digest (every file), weights
    (names, shapes, finite values), golden (recorded codes come out again), stream (cut into pieces, the
    same codes and audio) or, for models that need whole items, batch (beside longer and shorter items, the
    same), speed (above real time, or above a tenth of it for models that need whole items) or load (anything
    else).
    """
    times = LoadTimes()
    device = _open(placement)
    times.done("device")
    _check_files(VersionPath(model, version, path))
    times.done("digest")
    loaded = _load(path, device)
    times.done("weights")
    tolerance = loaded.manifest.golden.tolerance if loaded.manifest.golden else 0.0
    mismatch = golden_mismatch(loaded.codec, loaded.golden.to(device))
    if mismatch > tolerance:
        raise VersionRejectedError("golden", f"{mismatch:.1%} of the golden codes do not come out again")
    times.done("golden")
    if loaded.stream is not None:
        return _verify_stream(loaded, loaded.stream, rows, placement, tolerance, times)
    if placement.decode_dtype != "float32":
        raise VersionRejectedError(
            "load",
            f"decoding in {placement.decode_dtype} is for models that stream, and this one needs whole "
            "items; serve it by a process without --decode-dtype, and name the others with --models",
        )
    return _verify_items(loaded, tolerance, times)


def _engine(stream: StreamingCodec, rows: int, placement: Placement) -> TorchEngine | PaddedEngine:
    return PaddedEngine(stream, rows, placement) if placement.is_padded else TorchEngine(stream, rows)


def _verify_stream(
    loaded: LoadedCodec,
    stream: StreamingCodec,
    rows: int,
    placement: Placement,
    tolerance: float,
    times: LoadTimes,
) -> VerifiedModel:
    whole = golden_decode(loaded.codec, loaded.golden)
    # In place: nobody needs the float32 weights of the decoder any more.
    loaded.codec.decoder.to(getattr(torch, placement.decode_dtype))
    try:
        engine = _engine(stream, rows, placement)
        times.done("engine")
        fault = stream_fault(loaded.codec, engine, loaded.golden, tolerance, whole)
    except RuntimeError as error:
        # Memory, above all: the worker of the version that serves now has its part of the device. Or a layer
        # that the device does not have in the type of the decoder.
        raise VersionRejectedError("load", f"{type(error).__name__}: {error}") from error
    if fault:
        raise VersionRejectedError("stream", fault)
    times.done("stream")
    geometry = geometry_of(loaded.codec.config)
    costs = calibrate(engine, geometry, rows)
    _check_speed(real_time_factor(costs, geometry), _MIN_STREAM_SPEED)
    times.done("speed")
    return VerifiedModel(loaded, engine, costs, times.seconds)


def _verify_items(loaded: LoadedCodec, tolerance: float, times: LoadTimes) -> VerifiedModel:
    codec = loaded.codec
    assert isinstance(codec, SeanetCodec), "codecs of all other families stream"
    engine = TorchItemEngine(codec)
    if fault := batch_fault(codec.config, engine, loaded.golden, tolerance):
        raise VersionRejectedError("batch", fault)
    times.done("batch")
    costs = calibrate_items(engine, info_of(loaded.manifest, codec.config, slots=0))
    _check_speed(real_time_factor(costs, geometry_of(codec.config), ITEM_SECONDS), _MIN_ITEM_SPEED)
    times.done("speed")
    return VerifiedModel(loaded, engine, costs, times.seconds)


def _check_speed(factor: float, needed: float) -> None:
    if factor < needed:
        raise VersionRejectedError(
            "speed", f"{factor:.2f} times real time on this machine; at least {needed:g} is needed"
        )


def _check_files(version: VersionPath) -> None:
    try:
        version.manifest()
    except (RepositoryError, OSError) as error:
        raise VersionRejectedError("schema", str(error)) from error
    try:
        Repository(version.path.parents[2]).verify(version)
    except (RepositoryError, OSError) as error:
        raise VersionRejectedError("digest", str(error)) from error


def _open(placement: Placement) -> torch.device:
    try:
        return open_device(placement.device)
    except DeviceError as error:
        raise VersionRejectedError("device", str(error)) from error


def _load(path: Path, device: torch.device) -> LoadedCodec:
    try:
        loaded = load_codec(path)
        loaded.codec.to(device)
        return loaded
    except ConfigError as error:
        raise VersionRejectedError("schema", str(error)) from error
    except RepositoryError as error:
        raise VersionRejectedError("weights", str(error)) from error
    except Exception as error:
        raise VersionRejectedError("load", f"{type(error).__name__}: {error}") from error
