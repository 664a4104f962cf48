"""Which devices the workers of a machine run on, found out without loading torch into this process."""

import json
import subprocess
import sys
from pathlib import Path

from codec.errors import InvalidRequestError

_DRIVERS = ("nvidiactl", "dxg", "kfd")
_PROBE_SECONDS = 60.0


def devices_for(wanted: str, dev: Path = Path("/dev")) -> tuple[str, ...]:
    """What `cpu`, `cuda` (all of them), `cuda:N` or `auto` (those of CUDA, else the CPU) means here.

    `dev`: where the kernel shows devices. Raises `InvalidRequestError` for what is not there.
    """
    if wanted == "cpu" or (wanted == "auto" and not any((dev / name).exists() for name in _DRIVERS)):
        return ("cpu",)
    # Only a process that loads torch can tell whether its torch and the driver go together.
    command = [sys.executable, "-m", "service.worker.device"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True)
    found = json.loads(done.stdout)
    devices, reason = tuple(found["devices"]), found["reason"]
    if wanted == "auto":
        return devices or ("cpu",)
    chosen = devices if wanted == "cuda" else tuple(device for device in devices if device == wanted)
    if not chosen:
        there = f"there is {', '.join(devices)}" if devices else reason
        raise InvalidRequestError(f"--device {wanted}: no such device; {there}, or use --device cpu")
    return chosen
