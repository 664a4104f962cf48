"""Run the measurements one after the other, each in a process of its own, and print their tables.

    python -m tests.bench                              everything; about an hour on two cores
    python -m tests.bench live speed                   some of them
    python -m tests.bench --quick                      everything, too short for figures: does it all run?
    python -m tests.bench --out tables.md              and write the tables to a file
    python -m tests.bench.live --help                  the options of one of them

Nothing else should run on the machine meanwhile. All need the shared speech data (CODECD_SHARED).
"""

import subprocess
import sys
import time
from dataclasses import dataclass

from tests.bench.options import make_parser
from tests.support import REPOSITORY_ROOT


@dataclass(frozen=True, slots=True)
class Script:
    """A module of this package, and the options of a run that is too short for figures."""

    purpose: str
    quick: tuple[str, ...]


SCRIPTS = {
    "speed": Script("real-time factors on one core, beside encodec", ("--repeats", "2", "--seconds", "8")),
    "exactness": Script("stream = offline over 30 minutes of speech", ("--minutes", "1")),
    "device": Script(
        "steps padded and not, graphs, streams, codes that flip, bfloat16, memory; --device cuda:0 by itself",
        (
            *("--rows", "1,4", "--frames", "4", "--streams", "1,4", "--repeats", "3"),
            *("--batches", "1", "--minutes", "0.2"),
        ),
    ),
    "families": Script(
        "every preset: parameters, work, speed, mismatches, memory",
        ("--seconds", "1", "--batches", "1", "--memory-minutes", "1", "encodec_16k", "stream_16k"),
    ),
    "peers": Script("codecs of other packages beside ours", ("--seconds", "1", "--repeats", "1")),
    "entropy": Script("bits that entropy coding saves on held-out speech", ("--every", "40")),
    "tokenize": Script(
        "bulk tokenizing beside one file at a time",
        ("--files", "12", "--one-by-one", "2", "--shard-items", "4"),
    ),
    "one_shot": Script(
        "served rate over the bare model's, and latency",
        ("--seconds", "1.5", "--repeats", "1", "--clips", "2", "--clients", "8"),
    ),
    "live": Script(
        "latency of 20 live streams", ("--streams", "6", "--decode-streams", "2", "--seconds", "8")
    ),
    "hot_load": Script("new versions under load", ("--seconds", "20", "--every", "8", "--period", "0.5")),
    "rollback": Script("rollback and canary under load", ("--quick",)),
    "kill_worker": Script("`kill -9` of workers under load", ("--seconds", "3", "--period", "0.5")),
    "shutdown": Script("SIGTERM under load", ("--seconds", "3", "--period", "0.5")),
    "rolling": Script("three replicas behind a load balancer: restarts, `kill -9`", ("--seconds", "3")),
    "connection_age": Script("callers of a replica that joins", ("--age", "4", "--callers", "4")),
}


def main() -> int:
    """Run what was asked for; the exit status is 1 if any of it failed."""
    parser = make_parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all, in the order of --list")
    parser.add_argument("--list", action="store_true", help="list the names and leave")
    parser.add_argument("--quick", action="store_true", help="short runs, whose figures mean nothing")
    arguments = parser.parse_args()
    if arguments.list:
        for name, script in SCRIPTS.items():
            print(f"{name:16} {script.purpose}")
        return 0
    if unknown := sorted(set(arguments.names) - set(SCRIPTS)):
        parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(SCRIPTS)}")
    shared = ["--model", arguments.model, "--repository", str(arguments.repository.absolute())]
    if arguments.out:
        shared += ["--out", str(arguments.out.absolute())]
    failed = []
    for name in arguments.names or SCRIPTS:
        options = [*shared, *(SCRIPTS[name].quick if arguments.quick else ())]
        began = time.monotonic()
        command = [sys.executable, "-m", f"tests.bench.{name}", *options]
        if subprocess.run(command, cwd=REPOSITORY_ROOT, check=False).returncode:
            failed.append(name)
        print(f"{name}: {time.monotonic() - began:.0f} s\n", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
