"""Memory that encoding one long file takes, in a process of its own.

    python -m tests.bench.memory --model NAME --repository DIR FILE.wav

Prints JSON: the seconds of audio and, each in MB, by how much the process had grown at its largest when half
of the file had been read and when all of it was coded. The kernel counts (VmHWM), from the moment when the
model was loaded and had coded a second of silence. Models that hear labels read the whole file first.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from codec.audio import Samples
from codec.checkpoint import LoadedCodec, open_codec
from codec.files import EncodeOptions, encode_file
from codec.seanet_config import SeanetCodecConfig
from codec.side import Labels
from tests.bench.options import make_parser
from tests.support import REPOSITORY_ROOT

N_Q = 8


@dataclass(frozen=True, slots=True)
class Growth:
    """What `measure` found; memory in MB."""

    seconds: float
    half_mb: float
    whole_mb: float


class TurningLabels:
    """Every label in turn: a source of labels that needs no file."""

    def __init__(self, config: SeanetCodecConfig) -> None:
        assert config.semantic is not None
        self._config, self._labels = config, config.semantic.labels

    def labels(self, recording: Path, samples: Samples) -> Labels:
        """As many as the samples need."""
        count = self._config.labels_for(samples.shape[-1])
        return (np.arange(count) % self._labels).astype(np.uint16)


def measure(model: str, repository: Path, recording: Path) -> Growth:
    """Encode a file in a new process, alone with its model, and tell how far the process grew."""
    command = [sys.executable, "-m", "tests.bench.memory", "--model", model, "--repository", str(repository)]
    done = subprocess.run(
        [*command, str(recording)], cwd=REPOSITORY_ROOT, check=True, capture_output=True, text=True
    )
    return Growth(**json.loads(done.stdout))


def options_for(loaded: LoadedCodec) -> EncodeOptions:
    """How the long file is coded."""
    config = loaded.codec.config
    if isinstance(config, SeanetCodecConfig) and config.semantic is not None:
        return EncodeOptions(N_Q, TurningLabels(config))
    return EncodeOptions(N_Q)


def _encode(loaded: LoadedCodec, recording: Path) -> Growth:
    """Grow, and tell by how much."""
    rate, channels = loaded.codec.config.sample_rate, loaded.codec.config.channels
    semantic = options_for(loaded).labels
    silence = torch.zeros(1, channels, rate)
    words = None
    if semantic is not None:
        words = torch.from_numpy(semantic.labels(recording, silence[0].numpy()).astype(np.int64))[None]
    loaded.codec.encode(silence, N_Q, labels=words)
    peaks: list[tuple[int, float]] = [(0, 0.0)]

    def progress(samples: int) -> None:
        peaks.append((peaks[-1][0] + samples, _status("VmHWM")))

    # From here on the kernel's high-water mark counts anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    with tempfile.TemporaryDirectory() as folder:
        encode_file(loaded, recording, Path(folder) / "out.cdc", options_for(loaded), progress)
    total = peaks[-1][0]
    half = next(peak for done, peak in peaks if done >= total / 2)
    return Growth(total / rate, half - before, _status("VmHWM") - before)


def _status(field: str) -> float:
    """A size of this process in MB, as the kernel counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"the kernel tells no {field}; this script needs Linux")


def main() -> None:
    """Encode the file that was named, and print what it took."""
    parser = make_parser(__doc__)
    parser.add_argument("recording", type=Path, metavar="FILE.wav")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loaded = open_codec(arguments.model, arguments.repository)
    print(json.dumps(asdict(_encode(loaded, arguments.recording))))


if __name__ == "__main__":
    main()
