"""The real service with a tiny model, and what a test may see of it: answers, metrics, processes."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import numpy as np
import psutil
from numpy.typing import NDArray

from codec.audio import encode_audio
from codec.checkpoint import LoadedCodec, open_codec
from codec.container import write_cdc
from codec.tokens import Codes, Tokens, to_wire
from service.config import Limits
from tests.service.supervisor.serving import Serving
from tests.service.tiny import publish_tiny
from tests.support import free_ports, voiced

MODEL = "tiny"
N_Q = 8

_START_SECONDS = 170.0

# Waits that a fault test has to sit through are cut to seconds.
SHORT_LIMITS = Limits(slow_reader_seconds=2.0, idle_stream_seconds=5.0, deadline_seconds=10.0)


@dataclass(frozen=True)
class Clip:
    """Known audio as files, and the codes and samples that the library gives for it.

    `pcm`: float32 `[sample]`; `codes`: uint16 `[codebook, frame]`; `decoded`: float32 `[sample]`.
    """

    pcm: NDArray[np.float32]
    wav: bytes
    flac: bytes
    codes: Codes
    wire: bytes
    cdc: bytes
    decoded: NDArray[np.float32]
    token_space: str

    @classmethod
    def make(cls, loaded: LoadedCodec, seconds: float, seed: int) -> "Clip":
        """A clip of voiced sound as the library codes it; 16 bits hold it exactly."""
        import torch

        pcm = np.rint(voiced(seconds, seed=seed) * 32767).astype(np.float32) / np.float32(32768)
        encoded = loaded.codec.encode(torch.from_numpy(pcm)[None, None], N_Q)
        codes = encoded.codes[0].numpy().astype(np.uint16)
        form = loaded.token_format
        tokens = Tokens(
            *(codes, loaded.identity, form.sample_rate, form.hop_samples), len(pcm), form.codebook_size
        )
        return cls(
            pcm=pcm,
            wav=encode_audio(pcm[None], form.sample_rate, "wav"),
            flac=encode_audio(pcm[None], form.sample_rate, "flac"),
            codes=codes,
            wire=to_wire(codes),
            cdc=write_cdc(tokens),
            decoded=loaded.codec.decode(encoded)[0, 0].numpy().clip(-1, 1),
            token_space=loaded.identity.token_space,
        )


class FaultyService(Serving):
    """The service on fixed ports with one worker of `tiny`, ready; `clips` are known to its first version."""

    def __init__(self, work: Path, prefix: tuple[str, ...] = (), **fields: Any) -> None:
        self.work = work
        self.root = work / "models"
        self.first = publish_tiny(self.root, work, seed=1, name=MODEL)
        loaded = open_codec(MODEL, self.root)
        self.clips = tuple(Clip.make(loaded, seconds, seed) for seed, seconds in enumerate((0.5, 1.0, 1.7)))
        self.http_port, self.grpc_port, self.metrics_port = free_ports(3)
        settings: dict[str, Any] = {
            "workers": 1,
            "channel_poll_seconds": 0.1,
            "grace_seconds": 10.0,
            "limits": SHORT_LIMITS,
        }
        ports = {
            "http_port": self.http_port,
            "grpc_port": self.grpc_port,
            "metrics_port": self.metrics_port,
        }
        super().__init__(self.root, prefix, **(settings | ports | fields))

    @property
    def base_url(self) -> str:
        """Where REST answers, whether or not it does so now."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """Where gRPC answers."""
        return f"127.0.0.1:{self.grpc_port}"

    def ready(self) -> bool:
        """Whether the readiness probe says so; a front end that is not there is not ready."""
        try:
            return httpx.get(f"{self.base_url}/health/ready", timeout=2.0).status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self) -> float:
        """Wait for readiness; the seconds that it took."""
        return self.wait(self.ready, "readiness", _START_SECONDS)

    def model(self) -> dict[str, Any]:
        """What `GET /models/tiny` says."""
        facts: dict[str, Any] = httpx.get(f"{self.base_url}/models/{MODEL}", timeout=5.0).json()
        return facts

    def rejected(self) -> dict[str, tuple[str, str]]:
        """Stage and reason by version that was refused, as `GET /models/tiny` tells."""
        return {line["version"]: (line["stage"], line["reason"]) for line in self.model()["rejected"]}

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric that carry these labels."""
        total = 0.0
        text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5.0).text
        for line in text.splitlines():
            head, _, value = line.rpartition(" ")
            wanted = all(f'{key}="{label}"' in head for key, label in labels.items())
            if head.partition("{")[0] == name and wanted:
                total += float(value)
        return total

    def child(self, module: str) -> psutil.Process:
        """The running process of a module: `service.frontend`, `service.worker` or the decoder's."""
        (process, *_) = self.children(module)
        return process

    def children(self, module: str) -> list[psutil.Process]:
        """All running processes of a module, the youngest first."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if module in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return sorted(found, key=lambda process: -process.create_time())

    def idle(self) -> bool:
        """Whether nothing is held for anybody: no slot, no job, no request."""
        held = ("codec_stream_slots_used", "codec_worker_jobs_in_flight", "codec_requests_in_flight")
        in_worker = ("codec_worker_slots_used", "codec_worker_jobs_queued")
        return not any(self.metric(name) for name in (*held, *in_worker))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A process that a test has stopped does not see that its supervisor is gone.
        family = psutil.Process(self.process.pid).children(recursive=True) if self.is_running else []
        super().__exit__(kind, error, trace)
        for process in family:
            if process.is_running():
                process.kill()

    @property
    def is_running(self) -> bool:
        """Whether the supervisor has not ended."""
        return self.process.poll() is None
