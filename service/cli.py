"""The command `codecd serve`."""

import ipaddress
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pydantic import ValidationError

from codec.commands.options import SubParsers, add_command, add_repository, repository_of
from codec.errors import InvalidRequestError
from service.config import ServeConfig

_EXAMPLES = """examples:
  codecd serve
  codecd serve --http-port 9000 --grpc-port 9001 --repository /srv/models
  codecd serve --workers 1 --slots 200
  curl --data-binary @speech.wav 'localhost:8000/encode?n_q=8' > speech.cdc
  curl --data-binary @speech.cdc localhost:8000/decode > decoded.wav
"""


def register_serve(commands: SubParsers) -> None:
    """Add `codecd serve`."""
    parser = add_command(commands, "serve", "serve the models of a repository over REST and gRPC", _EXAMPLES)
    _add_addresses(parser)
    add_repository(parser)
    parser.add_argument(
        "--models",
        default="",
        metavar="NAME,NAME",
        help="what to serve, the default model first (default all)",
    )
    parser.add_argument("--workers", type=int, help="processes per model version (default: one per core)")
    parser.add_argument("--slots", type=int, help="live streams that one worker holds")
    parser.add_argument("--grace-seconds", type=float, help="how long a shutdown waits for work in flight")
    parser.set_defaults(run=_serve)


def _add_addresses(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--http-port", type=int, default=8000, help="REST (default 8000)")
    parser.add_argument("--grpc-port", type=int, default=8001, help="gRPC (default 8001)")
    parser.add_argument("--metrics-port", type=int, default=9100, help="Prometheus metrics (default 9100)")
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="allow an address beyond this machine, without keys or TLS; put a gateway in front",
    )


def _serve(arguments: Namespace) -> int:
    from service.supervisor.main import serve

    if not arguments.insecure and not _is_loopback(arguments.host):
        raise InvalidRequestError(
            f"{arguments.host} can be reached from other machines and nothing would ask who is calling; "
            "use --host 127.0.0.1 behind a gateway, or --insecure if that is what you want"
        )
    return serve(_config(arguments))


def _config(arguments: Namespace) -> ServeConfig:
    chosen = {name: getattr(arguments, name) for name in ("workers", "slots", "grace_seconds")}
    try:
        return ServeConfig(
            repository=Path(repository_of(arguments)),
            host=arguments.host,
            http_port=arguments.http_port,
            grpc_port=arguments.grpc_port,
            metrics_port=arguments.metrics_port,
            models=tuple(name for name in arguments.models.split(",") if name),
            **{name: value for name, value in chosen.items() if value is not None},
        )
    except ValidationError as error:
        raise InvalidRequestError(f"the options make no sense together: {error}") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
