"""The model alone, without a service: processes of one thread each that code the same clip over and over.

Run as `python -m tests.bench.bare_model VERSION_FOLDER CLIP_SECONDS N_Q` by `BareModel`: a line with an
operation, a batch size and seconds comes in, a line with audio seconds per second goes out.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from service.supervisor.environment import worker_environment
from tests.bench.speech import RATE, as_float, train_speech
from tests.support import REPOSITORY_ROOT

_WARM_UP_ROUNDS = 2


class BareModel:
    """So many processes, in the same environment (allocator, one thread) as workers of the service have."""

    def __init__(self, version: Path, clip_seconds: float, n_q: int, processes: int) -> None:
        command = [sys.executable, "-m", "tests.bench.bare_model", str(version), str(clip_seconds), str(n_q)]
        self._processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=worker_environment(os.environ),
                cwd=REPOSITORY_ROOT,
            )
            for _ in range(processes)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            self._answer(process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.communicate("")

    def rate(self, operation: str, batch: int, seconds: float) -> float:
        """Audio seconds per second of all processes together, all running at a time."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{operation} {batch} {seconds}\n")
            process.stdin.flush()
        return sum(float(self._answer(process)) for process in self._processes)

    @staticmethod
    def _answer(process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("a process with the bare model has ended; see its error above")
        return line


def main() -> None:
    """Load the model, say so, and measure whenever told to."""
    import torch

    from codec.checkpoint import load_codec
    from codec.encoded import gather

    version, clip_seconds, n_q = sys.argv[1:]
    torch.set_num_threads(1)
    codec = load_codec(Path(version)).codec
    clip = torch.from_numpy(as_float(train_speech(float(clip_seconds))))[None, None]
    print("ready", flush=True)
    with torch.inference_mode():
        one = codec.encode(clip, int(n_q))
        for line in sys.stdin:
            operation, batch, seconds = line.split()
            clips = clip.repeat(int(batch), 1, 1)
            encoded = gather([one] * int(batch))
            rounds, began = -_WARM_UP_ROUNDS, time.perf_counter()
            while rounds < 1 or time.perf_counter() - began < float(seconds):
                if rounds == 0:
                    began = time.perf_counter()
                if operation == "encode":
                    codec.encode(clips, int(n_q))
                else:
                    codec.decode(encoded)
                rounds += 1
            elapsed = time.perf_counter() - began
            print(rounds * clips.shape[0] * clip.shape[-1] / RATE / elapsed, flush=True)


if __name__ == "__main__":
    main()
