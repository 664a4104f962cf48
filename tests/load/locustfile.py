"""Users of REST for locust: encode, decode and reconstruct, clips of all lengths mixed.

Run by `python -m tests.load.rest`; by hand, against a running service:

    locust -f tests/load/locustfile.py --host http://127.0.0.1:8000 --requests requests.npz --headless

Locust users are closed loops: each waits for its answer before it asks again (or for --pacing seconds since
it last asked), so a service that stalls is asked less. Their p99 is that of callers who wait; for open-loop
latency see `tests.bench.one_shot` and `tests.bench.overload`.
"""

import random
from argparse import ArgumentParser
from pathlib import Path

from locust import FastHttpUser, constant_pacing, events, task
from locust.env import Environment

from tests.load.rest_requests import RestRequest, load


class Requests:
    """What users send; read once, when locust is ready."""

    by_operation: dict[str, list[RestRequest]]
    check_every = 1
    answers = 0

    @classmethod
    def read(cls, environment: Environment) -> None:
        """The options of the command line."""
        options = environment.parsed_options
        assert options is not None
        cls.by_operation = {}
        for request in load(Path(options.requests)):
            cls.by_operation.setdefault(request.operation, []).append(request)
        cls.check_every = options.check_every
        CodecUser.wait_time = constant_pacing(options.pacing)


def add_options(parser: ArgumentParser) -> None:
    """Called by locust."""
    parser.add_argument("--requests", help="file that tests.load.rest_requests wrote")
    parser.add_argument("--check-every", type=int, default=5, help="compare every K-th answer")
    parser.add_argument("--pacing", type=float, default=0.0, help="seconds between requests of a user")


def read_requests(environment: Environment, **_: object) -> None:
    """Called by locust."""
    Requests.read(environment)


class CodecUser(FastHttpUser):
    """Somebody who has recordings to code, a few seconds to half a minute each."""

    network_timeout = 60.0

    @task(3)
    def encode(self) -> None:
        """A recording to a token file."""
        self._post("encode")

    @task(2)
    def decode(self) -> None:
        """A token file to a recording."""
        self._post("decode")

    @task(1)
    def reconstruct(self) -> None:
        """There and back."""
        self._post("reconstruct")

    def _post(self, operation: str) -> None:
        request = random.choice(Requests.by_operation[operation])
        with self.client.post(
            # Locust's annotations know text and forms only; it sends bytes as they are.
            request.path,
            data=request.body,  # type: ignore[arg-type]
            name=request.name,
            catch_response=True,
        ) as response:
            Requests.answers += 1
            if response.status_code != 200:
                response.failure(f"HTTP {response.status_code}")
            elif Requests.answers % Requests.check_every == 0 and (fault := request.fault(response.content)):
                response.failure(fault)


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
events.init.add_listener(read_requests)  # type: ignore[no-untyped-call]
