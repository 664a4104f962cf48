"""A child process that starts in a moment and does as it is told: stands in for a worker or a front end.

Its first message names a folder (`version_path`) whose file `behaviour` says what to do: `serve`: get
ready, serve until `stop`; `slow`: the same, a little later; `reject`: refuse the version; `crash`: end
before it is ready; `stubborn`: get ready and obey neither `stop` nor SIGTERM; `hang`: get ready and say
nothing more, though it said that it would. It repeats every later message as an event `echo`.
"""

import argparse
import json
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, TextIO


def main() -> int:
    """Act; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control-fd", type=int, required=True)
    lines = socket.socket(fileno=parser.parse_args().control_fd).makefile("rw")
    behaviour = (Path(json.loads(lines.readline())["version_path"]) / "behaviour").read_text()
    if behaviour == "crash":
        return 7
    if behaviour == "reject":
        tell(lines, {"event": "rejected", "stage": "golden", "reason": "as told"})
        return 3
    if behaviour == "slow":
        time.sleep(0.3)
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(lines, {"event": "ready", "silent_seconds": 0.5 if behaviour == "hang" else None})
    for line in lines:
        message = json.loads(line)
        if message["type"] == "stop" and behaviour != "stubborn":
            return 0
        tell(lines, {"event": "echo", "message": message})
    return 0


def tell(lines: TextIO, message: dict[str, Any]) -> None:
    """Send one event."""
    lines.write(json.dumps(message) + "\n")
    lines.flush()


if __name__ == "__main__":
    sys.exit(main())
