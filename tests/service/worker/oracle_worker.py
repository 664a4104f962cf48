"""A worker process with the real loop and scheduler, on the checksum engine instead of a model."""

import argparse
import socket
import sys
import time

from codec.layers.pauses import pause
from service.config import WorkerConfig
from service.model_info import ModelInfo
from service.worker.admission import QueueLimits
from service.worker.control import ControlLine
from service.worker.liveness import Liveness
from service.worker.outbox import Emit
from service.worker.scheduler import Scheduler, SchedulerConfig
from service.worker.server import Attend, Server
from tests.service.worker.oracle import GEOMETRY, OracleEngine, costs

STALL_SECONDS = 0.4


LONG_FRAMES = 222
"""A step of just so many frames takes half a second, and pauses all the time."""


def _take_time(rows: int, frames: int) -> None:
    if frames == LONG_FRAMES:
        for _ in range(50):
            time.sleep(0.01)
            pause()


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control-fd", type=int, required=True)
    control = ControlLine(socket.socket(fileno=parser.parse_args().control_fd))
    config = WorkerConfig.from_message(control.wait())

    def make_scheduler(emit: Emit, attend: Attend) -> Scheduler:
        engine = OracleEngine(config.slots + config.max_jobs, _take_time)
        limits = QueueLimits(max_queued_audio_seconds=config.max_queued_audio_seconds)
        sizes = SchedulerConfig(config.slots, config.max_jobs, limits)
        return Scheduler(GEOMETRY, engine, costs(1e-5, 1e-5), emit, sizes, attend)

    info = ModelInfo(
        config.model, config.version, "ts-oracle", GEOMETRY.sample_rate, GEOMETRY.channels,
        GEOMETRY.hop_samples, GEOMETRY.delay_samples, GEOMETRY.codebooks, GEOMETRY.codebook_size,
        streamable=True, slots=config.slots,
    )  # fmt: skip
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(config.socket))
        listener.listen()
        server = Server(listener, control, info, make_scheduler, Liveness(control, 60.0), STALL_SECONDS)
        control.send({"event": "ready"})
        server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
