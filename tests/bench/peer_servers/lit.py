"""LitServe with its adaptive batching.

PEERS/bin/python -m tests.bench.peer_servers.lit VERSION_FOLDER PORT --workers 2
"""

from typing import Annotated

import litserve  # type: ignore[import-not-found]
import torch
from fastapi import Body, Response

from tests.bench.peer_servers.model import BATCH, BATCH_WAIT_SECONDS, PeerModel, options


class EncodeApi(litserve.LitAPI):  # type: ignore[misc]
    """Loads the model in each worker process, and encodes what its queue holds."""

    def __init__(self, version: str, n_q: int, torch_threads: int) -> None:
        super().__init__(max_batch_size=BATCH, batch_timeout=BATCH_WAIT_SECONDS, api_path="/encode")
        self._facts = (version, n_q, torch_threads)

    def setup(self, device: str) -> None:
        """Called in the worker."""
        version, n_q, torch_threads = self._facts
        torch.set_num_threads(torch_threads)
        self._model = PeerModel(version, n_q)

    def decode_request(self, request: Annotated[bytes, Body()]) -> bytes:
        """The body as it is."""
        return request

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """As they are."""
        return inputs

    def predict(self, inputs: list[bytes]) -> list[bytes]:
        """Codes of each file."""
        return self._model.encode(inputs)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        """As they are."""
        return output

    def encode_response(self, output: bytes) -> Response:
        """The codes as they are."""
        return Response(output, media_type="application/octet-stream")


def main() -> None:
    """Serve until told to stop."""
    arguments = options(__doc__)
    api = EncodeApi(arguments.version, arguments.n_q, arguments.torch_threads)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=arguments.workers)
    server.run(host="127.0.0.1", port=arguments.port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
