"""Memory of a worker's model by the way its steps run, alone and beside a second one, as on a hot load.

    python -m tests.bench.device_memory --device cuda:0

Each model is in a process of its own, as workers are: on CUDA the context of a process counts too. On the CPU
it is what the processes have for themselves; on CUDA, by how much the device's free memory falls.
"""

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator

import torch

from codec.checkpoint import open_codec
from service.supervisor.memory import Memory
from service.worker.device import open_device
from tests.bench.options import make_parser
from tests.bench.step_engines import moved, ways_on
from tests.bench.tables import grow
from tests.support import REPOSITORY_ROOT

COLUMNS = ("steps", "one model, MB", "two models, MB")

Used = Callable[[list[int]], int]


def memory_rows(arguments: Namespace) -> Iterator[list[object]]:
    """Rows of the table."""
    used = _used_on(arguments.device)
    for way in ways_on(arguments.device):
        before = used([])
        holders = [_hold(arguments, way.name)]
        one = used([holder.pid for holder in holders]) - before
        holders.append(_hold(arguments, way.name))
        two = used([holder.pid for holder in holders]) - before
        for holder in holders:
            holder.communicate()
        yield [way.name, one / 1e6, two / 1e6]


def _used_on(device: str) -> Used:
    if device == "cpu":
        return lambda pids: sum(map(Memory().own_bytes, pids))
    opened = open_device(device)

    def used(_: list[int]) -> int:
        free, total = torch.cuda.mem_get_info(opened)
        return total - free

    return used


def _hold(arguments: Namespace, way: str) -> "subprocess.Popen[str]":
    """A process that has the model ready, until its input ends."""
    command = [
        sys.executable, "-m", "tests.bench.device_memory", "--hold", way, "--device", arguments.device,
        "--model", arguments.model, "--repository", str(arguments.repository.absolute()),
    ]  # fmt: skip
    holder = subprocess.Popen(
        command, cwd=REPOSITORY_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    if holder.stdout.readline() != "ready\n":
        raise RuntimeError(f"the process of {way!r} ended with status {holder.wait()}; see above")
    return holder


def main() -> None:
    """Measure, or be one of those that are measured."""
    parser = make_parser(__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda:N (default cpu)")
    parser.add_argument("--hold", metavar="WAY", help="be a process that has the model ready")
    arguments = parser.parse_args()
    if not arguments.hold:
        grow(f"Memory on {arguments.device}", COLUMNS, memory_rows(arguments), arguments.out)
        return
    loaded = moved(open_codec(arguments.model, arguments.repository), arguments.device)
    way = next(way for way in ways_on(arguments.device) if way.name == arguments.hold)
    engine = way.engine(loaded)
    # A worker has one decoder only.
    del loaded
    print("ready", flush=True)
    sys.stdin.read()
    del engine


if __name__ == "__main__":
    main()
