"""How much memory processes use, and how much there is left, as the kernel tells it."""

import re
from pathlib import Path

_KIB = 1024
# Folder, limit and usage in version 2 of control groups, and in version 1.
_GROUP_FILES = (
    ("", "memory.max", "memory.current"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


class Memory:
    """Reads `/proc` and the control group that this process is confined to; all figures are bytes."""

    def __init__(self, proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc = proc
        self._cgroup = cgroup

    def available_bytes(self) -> int:
        """What new processes can take before anything is swapped or killed."""
        machine = _kib_field(self._proc / "meminfo", "MemAvailable")
        confined = self._left_in_group()
        return machine if confined is None else min(machine, confined)

    def resident_bytes(self, pid: int) -> int:
        """What a process has in memory, pages that it shares included; 0 if it is gone."""
        return self._of_process(pid, "VmRSS")

    def own_bytes(self, pid: int) -> int:
        """What a process has for itself alone, which another one like it would need too; 0 if it is gone.

        Code and weights that are mapped from files are not counted: all processes share one copy.
        """
        return self._of_process(pid, "RssAnon")

    def _of_process(self, pid: int, field: str) -> int:
        try:
            return _kib_field(self._proc / str(pid) / "status", field)
        except FileNotFoundError:
            return 0

    def _left_in_group(self) -> int | None:
        """What the control group's limit leaves; None without a limit."""
        for folder, limit, usage in _GROUP_FILES:
            group = self._cgroup / folder
            if (group / limit).exists():
                most = (group / limit).read_text().strip()
                if most == "max":
                    return None
                used = int((group / usage).read_text())
                # Pages of files that nobody has used lately go before anything is killed.
                stat = (group / "memory.stat").read_text()
                cached = re.search(r"^inactive_file (\d+)$", stat, re.MULTILINE)
                return max(0, int(most) - used + (int(cached[1]) if cached else 0))
        return None


def _kib_field(path: Path, name: str) -> int:
    """A field `Name:  123 kB` in bytes; 0 if it is not there, as in processes that have just ended."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE)
    return int(found[1]) * _KIB if found else 0
