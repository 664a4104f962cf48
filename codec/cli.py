"""The `codecd` command. `training` and `service` add their commands as entry points of the package."""

import argparse
import sys
from importlib.metadata import EntryPoint, entry_points

from codec.commands.coding import register_decode, register_encode
from codec.commands.hub import register_pull, register_push
from codec.commands.importing import register_import
from codec.commands.inspection import register_info, register_thin
from codec.commands.models import register_models
from codec.commands.options import SubParsers
from codec.commands.tables import register_tables
from codec.commands.tokenize import register_tokenize
from codec.commands.units import register_units
from codec.errors import CodecError

_COMMAND_GROUP = "codecd.commands"
_EPILOG = """examples:
  codecd encode speech.wav speech.cdc --n-q 8
  codecd decode speech.cdc speech.wav
  codecd serve
  codecd COMMAND --help       options and examples of one command
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 for success, 1 for a failure, 2 for a wrong command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parsed = _parser(arguments[0] if arguments else "").parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except (CodecError, OSError) as error:
        print(f"codecd: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("codecd: interrupted", file=sys.stderr)
        return 130
    return status


def _parser(wanted: str) -> argparse.ArgumentParser:
    """The command line; commands of other packages are loaded when `wanted`, or all of them for the help."""
    parser = argparse.ArgumentParser(
        prog="codecd",
        description="Neural speech codecs: encode, decode, serve, train.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    register_encode(commands)
    register_decode(commands)
    register_info(commands)
    register_thin(commands)
    register_tokenize(commands)
    register_models(commands)
    register_tables(commands)
    register_import(commands)
    register_push(commands)
    register_pull(commands)
    register_units(commands)
    if wanted not in commands.choices:
        added = sorted(entry_points(group=_COMMAND_GROUP), key=lambda point: point.name)
        for point in [point for point in added if point.name == wanted] or added:
            _add(point, commands)
    return parser


def _add(point: EntryPoint, commands: SubParsers) -> None:
    # Whatever is wrong with one package, the commands of the others go on working.
    try:
        point.load()(commands)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        print(
            f"codecd: the command {point.name} of {point.module} cannot be loaded ({reason})", file=sys.stderr
        )


if __name__ == "__main__":
    sys.exit(main())
