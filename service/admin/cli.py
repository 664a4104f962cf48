"""The command `codecd admin`."""

from argparse import ArgumentParser, Namespace

from pydantic import ValidationError

from codec.commands.options import SubParsers, add_command
from codec.errors import InvalidRequestError
from service.admin.client import AdminClient
from service.admin.schema import CanaryRequest, ModelStatus, ServiceStatus, VersionChoice, VersionStatus

_URL = "http://127.0.0.1:8002"
_WAIT_SECONDS = 300.0

_EXAMPLES = """examples:
  codecd admin status
  codecd admin promote stream_16k 8-0123456789ab --wait
  codecd admin canary stream_16k 0.05 --version 9-ba9876543210
  codecd admin canary stream_16k 0
  codecd admin rollback stream_16k --wait
  codecd admin check stream_16k
  codecd admin drain
"""
_DESCRIPTION = """Asks the admin port of a running service, which listens on its own machine only. Channels
move in the repository, for every service that watches it; a canary's weight is of this service alone and
ends with it. Sub-commands have their own --help."""


def register_admin(commands: SubParsers) -> None:
    """Add `codecd admin` with its sub-commands."""
    parser = add_command(
        commands, "admin", "see and steer which versions a service runs", _EXAMPLES, _DESCRIPTION
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    status = _add(actions, "status", "show models, channels, versions, workers and rejections")
    status.add_argument("--json", action="store_true", help="all of it, for programs")
    status.set_defaults(run=_status)
    promote = _add(actions, "promote", "point a channel at a published version")
    promote.add_argument("model", metavar="MODEL")
    promote.add_argument("version", metavar="VERSION", help="as codecd models lists it")
    _add_move(promote)
    promote.set_defaults(run=_promote)
    rollback = _add(actions, "rollback", "point a channel back at the version that served before")
    rollback.add_argument("model", metavar="MODEL")
    _add_move(rollback)
    rollback.set_defaults(run=_rollback)
    canary = _add(actions, "canary", "give a channel a share of the requests that name no version")
    canary.add_argument("model", metavar="MODEL")
    canary.add_argument("weight", type=float, metavar="WEIGHT", help="0 = none .. 1 = all of them")
    canary.add_argument("--channel", default="canary", help="whose version gets the share (default canary)")
    canary.add_argument("--version", help="point the channel at this version first")
    canary.set_defaults(run=_canary)
    check = _add(actions, "check", "look where the channels point now, not at the next poll")
    check.add_argument("model", metavar="MODEL")
    check.set_defaults(run=_check)
    drain = _add(actions, "drain", "shut down: refuse new work, finish what is under way, stop")
    drain.set_defaults(run=_drain)


def _add(actions: SubParsers, name: str, summary: str) -> ArgumentParser:
    examples = "".join(line + "\n" for line in _EXAMPLES.splitlines() if f" admin {name}" in line)
    parser = add_command(actions, name, summary, f"examples:\n{examples}")
    parser.add_argument("--url", default=_URL, help=f"admin port of the service (default {_URL})")
    return parser


def _add_move(parser: ArgumentParser) -> None:
    parser.add_argument("--channel", default="", help="default: the service's default channel")
    parser.add_argument(
        "--wait", action="store_true", help="until the version serves; fail if the service rejects it"
    )


def _status(arguments: Namespace) -> int:
    with AdminClient(arguments.url) as client:
        status = client.status()
    print(status.model_dump_json(indent=2) if arguments.json else _service_text(status))
    return 0


def _promote(arguments: Namespace) -> int:
    try:
        with AdminClient(arguments.url) as client:
            choice = client.promote(arguments.model, arguments.version, arguments.channel)
            return _moved(client, choice, wait=arguments.wait)
    except ValidationError as error:
        raise _no_version(arguments.version) from error


def _rollback(arguments: Namespace) -> int:
    with AdminClient(arguments.url) as client:
        choice = client.rollback(arguments.model, arguments.channel)
        return _moved(client, choice, wait=arguments.wait)


def _canary(arguments: Namespace) -> int:
    if not 0 <= arguments.weight <= 1:
        raise InvalidRequestError(f"weight is {arguments.weight:g}; give a share from 0 to 1")
    try:
        request = CanaryRequest(channel=arguments.channel, version=arguments.version, weight=arguments.weight)
    except ValidationError as error:
        raise _no_version(arguments.version) from error
    with AdminClient(arguments.url) as client:
        print(_model_text(client.canary(arguments.model, request)))
    return 0


def _check(arguments: Namespace) -> int:
    with AdminClient(arguments.url) as client:
        print(_model_text(client.check(arguments.model)))
    return 0


def _drain(arguments: Namespace) -> int:
    with AdminClient(arguments.url) as client:
        answer = client.drain()
    print(f"the service shuts down within {answer.grace_seconds:g} s")
    return 0


def _moved(client: AdminClient, choice: VersionChoice, *, wait: bool) -> int:
    what = f"{choice.model}@{choice.channel} -> {choice.version} (generation {choice.generation})"
    print(what, flush=True)
    if wait:
        client.wait_for(choice, _WAIT_SECONDS)
        print("it serves")
    return 0


def _no_version(text: str) -> InvalidRequestError:
    return InvalidRequestError(f"{text!r} is no version; write it as codecd models lists it, N-DIGEST")


def _service_text(status: ServiceStatus) -> str:
    front_ends = ", ".join(
        f"{f.name} (pid {f.pid}, {'ready' if f.ready else 'starting'})" for f in status.frontends
    )
    head = [f"front ends: {front_ends or 'none'}", f"memory left: {status.available_bytes / 1e6:.0f} MB"]
    if status.draining:
        head.append("shutting down")
    return "\n".join([*head, *(_model_text(model) for model in status.models)])


def _model_text(model: ModelStatus) -> str:
    lines = [model.name]
    for channel in model.channels:
        told = f"  {channel.name} -> {channel.points_at or 'nothing'} (generation {channel.generation})"
        if channel.serving != channel.points_at:
            told += f", serves {channel.serving or 'nothing'}"
        if channel.previous:
            told += f", rollback to {channel.previous}"
        lines += [told] + [f"    {channel.problem}" for _ in range(bool(channel.problem))]
    canary = model.canary
    if canary.channel:
        reason = f" (withdrawn: {canary.withdrawn})" if canary.withdrawn else ""
        lines.append(f"  canary: {canary.channel} gets {canary.weight:.1%}{reason}")
    for version in model.versions:
        lines += _version_lines(version)
    lines += [f"  rejected {r.version} at {r.stage}: {r.reason}" for r in model.rejected]
    return "\n".join(lines)


def _version_lines(version: VersionStatus) -> list[str]:
    head = f"  {version.version} {version.state}: {len(version.workers)} ready"
    if version.starting:
        head += f", {len(version.starting)} starting"
    return [head] + [
        f"    {w.id} pid {w.pid}: {w.streams} streams, {w.jobs} jobs, {w.resident_bytes / 1e6:.0f} MB"
        for w in version.workers
    ]
