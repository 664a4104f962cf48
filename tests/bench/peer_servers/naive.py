"""FastAPI with the model in the web process and a pool of threads, as most people begin.

python -m tests.bench.peer_servers.naive VERSION_FOLDER PORT --workers 32 --torch-threads 2
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from tests.bench.peer_servers.model import PeerModel, options


def make_app(model: PeerModel, pool: ThreadPoolExecutor) -> FastAPI:
    """The application."""
    app = FastAPI()

    @app.post("/encode")
    async def encode(request: Request) -> Response:
        body = await request.body()
        codes = await asyncio.get_running_loop().run_in_executor(pool, model.encode, [body])
        return Response(codes[0], media_type="application/octet-stream")

    return app


def main() -> None:
    """Serve until told to stop."""
    arguments = options(__doc__)
    model = PeerModel(arguments.version, arguments.n_q)
    # The number of threads is a setting of each thread that runs the model.
    pool = ThreadPoolExecutor(arguments.workers, "model", torch.set_num_threads, (arguments.torch_threads,))
    uvicorn.run(make_app(model, pool), host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
