"""Ray Serve with dynamic batching; one replica a worker, each of one thread.

`RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0` in the environment keeps all of Ray on the loopback address.

PEERS/bin/python -m tests.bench.peer_servers.ray_serve VERSION_FOLDER PORT --workers 2
"""

import time
from typing import Any

import ray
import torch
from fastapi import Request, Response
from ray import serve

from tests.bench.peer_servers.model import BATCH, BATCH_WAIT_SECONDS, PeerModel, options


class Encode:
    """A replica."""

    def __init__(self, version: str, n_q: int, torch_threads: int) -> None:
        torch.set_num_threads(torch_threads)
        self._model = PeerModel(version, n_q)

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=BATCH_WAIT_SECONDS)  # type: ignore[untyped-decorator]
    async def encode(self, files: list[bytes]) -> list[bytes]:
        """Codes of each file."""
        return self._model.encode(files)

    async def __call__(self, request: Request) -> Response:
        """One request, of many that wait."""
        codes: Any = await self.encode(await request.body())
        return Response(codes, media_type="application/octet-stream")


def main() -> None:
    """Serve until told to stop."""
    arguments = options(__doc__)
    ray.init(num_cpus=arguments.workers + 1, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": arguments.port})
    settings = {"num_replicas": arguments.workers, "max_ongoing_requests": 4 * BATCH}
    deployment = serve.deployment(Encode, **settings)
    serve.run(deployment.bind(arguments.version, arguments.n_q, arguments.torch_threads))
    while True:
        time.sleep(1.0)


if __name__ == "__main__":
    main()
