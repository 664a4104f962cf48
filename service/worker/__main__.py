"""`python -m service.worker --control-fd N`: what the supervisor starts, one process per worker."""

import argparse
import gc
import logging
import os
import socket
from functools import partial

import torch

from codec.seanet_config import SeanetCodecConfig
from service.config import WorkerConfig
from service.logs import configure_logging
from service.model_info import ModelInfo
from service.worker.admission import QueueLimits
from service.worker.control import ControlLine
from service.worker.cutter import Cutter
from service.worker.device import Placement
from service.worker.facts import info_of
from service.worker.item_scheduler import ItemModel, ItemScheduler, ItemSchedulerConfig
from service.worker.liveness import Liveness
from service.worker.outbox import Emit
from service.worker.policy import StepLimits
from service.worker.scheduler import Scheduler, SchedulerConfig
from service.worker.server import Attend, Server, Work
from service.worker.torch_engine import TorchEngine, geometry_of
from service.worker.torch_items import TorchItemEngine
from service.worker.verify import VerifiedModel, VersionRejectedError, verify

_LOG = logging.getLogger("service.worker")
_EXIT_REJECTED = 3
_BACKLOG = 64
_SILENT_SECONDS = 10.0
"""A step of a model that streams takes a small part of a second; long steps of whole items are announced."""


def main() -> int:
    """Verify the model, say so, serve until told to stop; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m service.worker")
    parser.add_argument("--control-fd", type=int, required=True, help="socket to the supervisor")
    control = ControlLine(socket.socket(fileno=parser.parse_args().control_fd))
    config = WorkerConfig.from_message(control.wait())
    configure_logging(config.id)
    try:
        return _run(config, control)
    except ConnectionError:
        _LOG.error("the supervisor went away while the model was loading")
        return 1


def _run(config: WorkerConfig, control: ControlLine) -> int:
    # One core, one worker: threads inside a step would only fight with the other workers.
    torch.set_num_threads(1)
    try:
        rows = config.slots + config.max_jobs
        placement = Placement(config.device, config.batching, config.decode_dtype)
        verified = verify(config.model, config.version, config.version_path, rows, placement)
    except VersionRejectedError as error:
        control.send({"event": "rejected", "stage": error.stage, "reason": error.reason})
        return _EXIT_REJECTED
    _serve(config, control, verified)
    return 0


def _serve(config: WorkerConfig, control: ControlLine, verified: VerifiedModel) -> None:
    loaded = verified.loaded
    info = info_of(loaded.manifest, loaded.codec.config, config.slots, config.decode_dtype)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(config.socket))
        listener.listen(_BACKLOG)
        liveness = Liveness(control, _SILENT_SECONDS)
        make_scheduler = partial(_scheduler, config, verified, info, liveness)
        server = Server(listener, control, info, make_scheduler, liveness, load_seconds=verified.load_seconds)
        # The model lives as long as the process: the collector need not look at it between steps.
        gc.collect()
        gc.freeze()
        control.send({"event": "ready", "silent_seconds": _SILENT_SECONDS})
        _LOG.info("ready", extra={"model": config.model, "version": config.version})
        server.run()
    _LOG.info("stopped")


def _scheduler(
    config: WorkerConfig,
    verified: VerifiedModel,
    info: ModelInfo,
    liveness: Liveness,
    emit: Emit,
    attend: Attend,
) -> Work:
    queue = QueueLimits(max_queued_audio_seconds=config.max_queued_audio_seconds)
    model, engine, costs = verified.loaded.codec.config, verified.engine, verified.costs
    geometry = geometry_of(model)
    if not isinstance(engine, TorchItemEngine):
        step = StepLimits(max_rows=engine.max_rows)
        limits = SchedulerConfig(config.slots, config.max_jobs, queue, step)
        # Steps in buffers that they share, or on a device that is told all of them at once, run through.
        pauses = attend if isinstance(engine, TorchEngine) else None
        return Scheduler(geometry, engine, costs, emit, limits, pauses)
    assert isinstance(model, SeanetCodecConfig), "codecs of all other families stream"
    items = ItemModel(geometry, Cutter(info, model.segment_frames), engine, costs)
    return ItemScheduler(items, emit, ItemSchedulerConfig(config.max_jobs, queue), liveness.expect)


if __name__ == "__main__":
    status = main()
    # Taking torch apart object by object takes the better part of a second, in which a shutdown waits.
    logging.shutdown()
    os._exit(status)
