"""A worker process with the real loop and item scheduler, whose steps take far longer than predicted."""

import argparse
import socket
import sys
import time
from pathlib import Path

from service.config import WorkerConfig
from service.worker.control import ControlLine
from service.worker.item_scheduler import ItemModel, ItemScheduler, ItemSchedulerConfig
from service.worker.liveness import Liveness
from service.worker.outbox import Emit
from service.worker.server import Attend, Server
from tests.service.worker.item_oracle import GEOMETRY, INFO, ItemOracle, costs, cutter

SILENT_SECONDS = 2.0
PREDICTED_SECONDS = 0.25
STEP_SECONDS = 16 * PREDICTED_SECONDS
RUNNING = "running"
"""A file that appears beside the socket when the first step begins."""


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control-fd", type=int, required=True)
    control = ControlLine(socket.socket(fileno=parser.parse_args().control_fd))
    config = WorkerConfig.from_message(control.wait())
    liveness = Liveness(control, SILENT_SECONDS)

    def make_scheduler(emit: Emit, attend: Attend) -> ItemScheduler:
        engine = ItemOracle(lambda pieces, frames: _run(config.socket.parent))
        model = ItemModel(GEOMETRY, cutter(), engine, costs(PREDICTED_SECONDS, 1e-9))
        return ItemScheduler(model, emit, ItemSchedulerConfig(config.max_jobs), liveness.expect)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(config.socket))
        listener.listen()
        server = Server(listener, control, INFO, make_scheduler, liveness)
        control.send({"event": "ready", "silent_seconds": SILENT_SECONDS})
        server.run()
    return 0


def _run(folder: Path) -> None:
    (folder / RUNNING).touch()
    time.sleep(STEP_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
