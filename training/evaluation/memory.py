"""How much memory a model takes."""

from pathlib import Path

from codec.audio import read_audio
from codec.errors import InvalidRequestError
from training.evaluation.coders.coder import Coder, Recording
from training.evaluation.pool import fresh_processes

_STATUS = Path("/proc/self/status")


def peak_memory_bytes(coder: Coder, clip: Path, sample_rate: int) -> int:
    """Most resident memory of a fresh process that codes one recording, Python and its libraries included."""
    with fresh_processes(1) as pool:
        return pool.submit(_code_once, coder, clip, sample_rate).result()


def _code_once(coder: Coder, clip: Path, sample_rate: int) -> int:
    coder.code(Recording(clip, read_audio(clip, sample_rate).samples[0], sample_rate))
    return high_water_bytes()


def high_water_bytes() -> int:
    """Most resident memory that this process has had.

    Raises `InvalidRequestError` where the system is no Linux. `getrusage` would count the process that
    started this one as well.
    """
    if not _STATUS.exists():
        raise InvalidRequestError(f"peak memory is read from {_STATUS}, which only Linux has")
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024
