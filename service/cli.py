"""The command `codecd serve`."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from pydantic import ValidationError

from codec.commands.options import SubParsers, add_command, add_repository, repository_of
from codec.errors import InvalidRequestError
from service.config import ServeConfig, TlsConfig
from service.keys_cli import add_caller_limits, caller_limits
from service.supervisor.accelerators import devices_for

_EXAMPLES = """examples:
  codecd serve
  codecd serve --http-port 9000 --grpc-port 9001 --repository /srv/models
  codecd serve --workers 1 --slots 200
  codecd serve --device cuda:0 --batching compact --decode-dtype bfloat16
  codecd serve --host 0.0.0.0 --keys keys.jsonl --tls-cert server.pem --tls-key server.key
  curl --data-binary @speech.wav 'localhost:8000/encode?n_q=8' > speech.cdc
  curl --data-binary @speech.cdc localhost:8000/decode > decoded.wav
  curl -H "Authorization: Bearer $KEY" --data-binary @speech.wav https://codec.example/encode > speech.cdc
"""

# Where they are not given, the defaults are those of the config.
_OPTIONAL = ("workers", "slots", "lag_seconds", "grace_seconds", "max_connection_age_seconds")


def register_serve(commands: SubParsers) -> None:
    """Add `codecd serve`."""
    parser = add_command(commands, "serve", "serve the models of a repository over REST and gRPC", _EXAMPLES)
    _add_addresses(parser)
    _add_access(parser)
    add_repository(parser)
    parser.add_argument(
        "--models",
        default="",
        metavar="NAME,NAME",
        help="what to serve, the default model first (default all)",
    )
    parser.add_argument(
        "--channels",
        default="stable",
        metavar="NAME,NAME",
        help="channels served side by side, the one for requests that name none first (default stable)",
    )
    parser.add_argument(
        "--workers", type=int, help="processes per model version (default: one per core, or per accelerator)"
    )
    _add_device(parser)
    parser.add_argument("--slots", type=int, help="live streams that one worker holds")
    _add_leaving(parser)
    parser.set_defaults(run=_serve)


def _add_addresses(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--http-port", type=int, default=8000, help="REST (default 8000)")
    parser.add_argument("--grpc-port", type=int, default=8001, help="gRPC (default 8001)")
    parser.add_argument(
        "--metrics-port", type=int, default=9100, help="Prometheus metrics; front end i adds i (default 9100)"
    )
    parser.add_argument(
        "--admin-port", type=int, default=8002, help="codecd admin, on this machine only (default 8002)"
    )
    parser.add_argument(
        "--frontends", type=int, default=1, help="front end processes that share the ports (default 1)"
    )


def _add_device(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        type=_device,
        default="auto",
        metavar="cpu|cuda|cuda:N|auto",
        help="where models run: cuda = all accelerators, auto = those, or the CPU without any (default auto)",
    )
    parser.add_argument(
        "--batching",
        choices=("auto", "compact", "fixed"),
        default="auto",
        help="compact: steps as wide as the work at hand; fixed: all of one shape, so that codes cannot "
        "depend on other callers; auto: on accelerators encode fixed and decode compact (default auto)",
    )
    parser.add_argument(
        "--decode-dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="what decoders of live models compute in; encoders always in float32 (default float32)",
    )


def _device(text: str) -> str:
    if not re.fullmatch(r"cpu|cuda|cuda:\d+|auto", text):
        raise ArgumentTypeError(f"{text!r} is none of cpu, cuda, cuda:0, cuda:1, ..., auto")
    return text


def _add_leaving(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--lag-seconds",
        type=float,
        help="how long a shutdown takes new work after it has said that it is not ready: longer than a load "
        "balancer needs to notice (default 0)",
    )
    parser.add_argument("--grace-seconds", type=float, help="how long it then waits for work in flight")
    parser.add_argument(
        "--max-connection-age",
        type=float,
        dest="max_connection_age_seconds",
        metavar="SECONDS",
        help="ask callers to connect anew after about so long, so that new replicas get their share; what "
        "runs is not cut off; 0 = never (default 1800)",
    )


def _add_access(parser: ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--keys", type=Path, metavar="FILE", help="who may call: a file that codecd keys add has written"
    )
    who.add_argument(
        "--insecure",
        action="store_true",
        help="allow an address beyond this machine without keys; put a gateway in front",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate, with its chain")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="private key, without a password")
    parser.add_argument(
        "--tls-client-ca", type=Path, metavar="PEM", help="serve only callers with a certificate of these CAs"
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let web pages of https://HOST open live streams, too; may be given more than once",
    )
    add_caller_limits(parser, "for every caller whose key says nothing else")


def _serve(arguments: Namespace) -> int:
    from service.supervisor.main import serve

    config = _config(arguments)
    _check_access(config, arguments.insecure)
    return serve(config)


def _config(arguments: Namespace) -> ServeConfig:
    chosen = {name: getattr(arguments, name) for name in _OPTIONAL}
    devices = devices_for(arguments.device)
    if chosen["workers"] is None and devices != ("cpu",):
        chosen["workers"] = len(devices)
    try:
        return ServeConfig(
            repository=Path(repository_of(arguments)),
            host=arguments.host,
            http_port=arguments.http_port,
            grpc_port=arguments.grpc_port,
            metrics_port=arguments.metrics_port,
            admin_port=arguments.admin_port,
            frontends=arguments.frontends,
            models=_names(arguments.models),
            channels=_names(arguments.channels),
            devices=devices,
            batching=arguments.batching,
            decode_dtype=arguments.decode_dtype,
            keys=arguments.keys,
            tls=_tls(arguments),
            caller_limits=caller_limits(arguments),
            allowed_origins=tuple(arguments.allow_origin),
            **{name: value for name, value in chosen.items() if value is not None},
        )
    except ValidationError as error:
        raise InvalidRequestError(f"the options make no sense together: {error}") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _tls(arguments: Namespace) -> TlsConfig | None:
    certificate, key, client_ca = arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise InvalidRequestError("TLS takes a certificate and its key; give both --tls-cert and --tls-key")
    return TlsConfig(certificate=certificate, key=key, client_ca=client_ca)


def _check_access(config: ServeConfig, insecure: bool) -> None:
    """Raise now what the front end would raise as soon as it runs."""
    from service.frontend.keys import read_keys
    from service.frontend.tls import check_files

    if config.keys is None and config.is_exposed and not insecure:
        raise InvalidRequestError(
            f"{config.host} can be reached from other machines and nothing would ask who is calling; "
            "give --keys FILE (see codecd keys add --help), use --host 127.0.0.1 behind a gateway, "
            "or --insecure if that is what you want"
        )
    if config.keys is not None:
        read_keys(config.keys)
    if config.tls is not None:
        check_files(config.tls)
