"""CPU time, memory and descriptors of the processes of a service, by what they do."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import psutil

from tests.bench.running_service import RunningService

_MB = 1024 * 1024


class Role(StrEnum):
    """What a process of the service does."""

    SUPERVISOR = "supervisor"
    FRONT_END = "front end"
    DECODER = "audio decoder"
    WORKER = "worker"


# Every decoder is also named `service.frontend…`, so it comes first.
_MODULES = (
    ("service.frontend.decoder_process", Role.DECODER),
    ("service.frontend", Role.FRONT_END),
    ("service.worker", Role.WORKER),
)


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """One process at a moment; `cpu_seconds` since it started."""

    pid: int
    role: Role
    cpu_seconds: float
    memory_mb: float
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Census:
    """All processes at a moment of the monotonic clock."""

    at: float
    uses: tuple[ProcessUse, ...]

    @classmethod
    def take(cls, service: RunningService) -> "Census":
        """Look at every process of the service; those that end meanwhile are left out."""
        at = time.monotonic()
        found = (_use_of(process) for process in service.processes())
        return cls(at, tuple(use for use in found if use is not None))

    def of(self, role: Role) -> list[ProcessUse]:
        """The processes that do a thing."""
        return [use for use in self.uses if use.role is role]

    def memory_mb(self, *roles: Role) -> float:
        """Resident memory of the processes of some roles (none named: all)."""
        return sum(use.memory_mb for use in self.uses if not roles or use.role in roles)

    def cpu_seconds_since(self, earlier: "Census", role: Role) -> float:
        """CPU time of a role since then, of processes that are still there."""
        before = {use.pid: use.cpu_seconds for use in earlier.uses}
        return sum(use.cpu_seconds - before.get(use.pid, 0.0) for use in self.of(role))


def role_of(command: Iterable[str]) -> Role:
    """What the process of a command line does."""
    words = list(command)
    return next((role for module, role in _MODULES if module in words), Role.SUPERVISOR)


def _use_of(process: psutil.Process) -> ProcessUse | None:
    try:
        with process.oneshot():
            times = process.cpu_times()
            return ProcessUse(
                process.pid,
                role_of(process.cmdline()),
                times.user + times.system,
                process.memory_info().rss / _MB,
                process.num_fds(),
                process.num_threads(),
            )
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return None
