"""A Python environment outside the repository: servers of other packages beside what this project needs."""

import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

PINNED = {"litserve": "litserve==0.2.19", "ray": "ray[serve]==2.60.0"}
"""What is installed there, each with what it needs in versions of its own."""


@dataclass(frozen=True, slots=True)
class PeerEnvironment:
    """A folder made by `venv`, which also sees the packages of this interpreter (torch and the rest)."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def install(self) -> dict[str, str]:
        """Make the environment and install every package; why a package could not be installed, by name."""
        venv.create(self.folder, with_pip=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        site = self.folder / "lib" / version / "site-packages"
        # Paths of .pth files come after the environment's own packages, which therefore win.
        (site / "base.pth").write_text(sysconfig.get_path("purelib") + "\n")
        failures = {}
        for name, requirement in PINNED.items():
            command = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install", requirement]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                failures[name] = done.stderr.strip().splitlines()[-1]
        return failures
