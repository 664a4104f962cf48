"""Programs of other codecs."""

import shutil
import subprocess
from collections.abc import Sequence

from codec.errors import ConfigError, InvalidAudioError

_TIMEOUT_S = 600


def check_programs(names: Sequence[str], package: str) -> None:
    """Raise `ConfigError`, naming the Debian package to install, unless all programs are there."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} not found; apt-get install {package}")


def run_program(command: Sequence[str], given: bytes = b"") -> bytes:
    """What the program writes to standard output when `given` on standard input.

    Raises `InvalidAudioError` with what it complained about if it fails.
    """
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=True, timeout=_TIMEOUT_S)
    except subprocess.SubprocessError as error:
        complaint = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        raise InvalidAudioError(f"{command[0]} failed ({error}): {complaint or 'no complaint'}") from error
    return done.stdout
