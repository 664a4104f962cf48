"""The command `codecd keys`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pydantic import ValidationError

from codec.commands.options import SubParsers, add_command
from codec.errors import InvalidRequestError
from service.config import CallerLimits
from service.frontend.keys import KeyEntry, Scope, add_key, read_keys, remove_key

_EXAMPLES = """examples:
  codecd keys add keys.jsonl --name voice-team
  codecd keys add keys.jsonl --name corpus --scopes encode --audio-rate 500 --queued-audio 3600
  codecd keys list keys.jsonl
  codecd keys remove keys.jsonl --name corpus
  codecd serve --keys keys.jsonl

A service that runs takes over the changed file within a second. To replace a key, add one under
another name, hand it over, and remove the old one; streams of a removed key are ended.
"""


def register_keys(commands: SubParsers) -> None:
    """Add `codecd keys`."""
    parser = add_command(commands, "keys", "say who may call a service, and how much", _EXAMPLES)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_add(actions)
    listing = actions.add_parser("list", help="show names, scopes and limits")
    listing.add_argument("file", type=Path, metavar="FILE")
    listing.set_defaults(run=_list)
    removing = actions.add_parser("remove", help="withdraw a key")
    removing.add_argument("file", type=Path, metavar="FILE")
    removing.add_argument("--name", required=True, help="whose key")
    removing.set_defaults(run=_remove)


def add_caller_limits(parser: ArgumentParser, what: str) -> None:
    """Add the options of `caller_limits`; `what` says whom they hold for."""
    group = parser.add_argument_group(f"limits {what} (default: none)")
    group.add_argument("--max-streams", type=int, metavar="N", help="live streams at a time")
    group.add_argument("--request-rate", type=float, metavar="N", help="requests per second")
    group.add_argument("--audio-rate", type=float, metavar="N", help="seconds of audio per second")
    group.add_argument("--queued-audio", type=float, metavar="SECONDS", help="audio waiting at a time")


def caller_limits(arguments: Namespace) -> CallerLimits:
    """The limits on a command line; raises `InvalidRequestError`."""
    try:
        return CallerLimits(
            max_streams=arguments.max_streams,
            requests_per_second=arguments.request_rate,
            audio_seconds_per_second=arguments.audio_rate,
            max_queued_audio_seconds=arguments.queued_audio,
        )
    except ValidationError as error:
        raise InvalidRequestError(f"that cannot be a limit: {error}") from error


def _add_add(actions: SubParsers) -> None:
    parser = actions.add_parser("add", help="make a key and print it, the only time that it is seen")
    parser.add_argument("file", type=Path, metavar="FILE", help="made if it is not there")
    parser.add_argument("--name", required=True, help="whose key it is: letters, digits, . _ -")
    parser.add_argument(
        "--scopes",
        type=Scope,
        nargs="+",
        choices=list(Scope),
        default=list(Scope),
        metavar="SCOPE",
        help="what it is good for: encode, decode, stream (default all)",
    )
    add_caller_limits(parser, "of this key")
    parser.set_defaults(run=_add)


def _add(arguments: Namespace) -> int:
    print(add_key(arguments.file, arguments.name, arguments.scopes, caller_limits(arguments)))
    return 0


def _list(arguments: Namespace) -> int:
    for entry in read_keys(arguments.file):
        print(_line(entry))
    return 0


def _remove(arguments: Namespace) -> int:
    remove_key(arguments.file, arguments.name)
    return 0


def _line(entry: KeyEntry) -> str:
    scopes = ",".join(scope for scope in Scope if scope in entry.scopes)
    limits = entry.limits.model_dump(exclude_none=True)
    told = " ".join(f"{name}={value:g}" for name, value in limits.items())
    return f"{entry.name}  {scopes}  {told or 'no limits of its own'}"
