"""The `codecd` command. `training` and `service` add their commands as entry points of the package."""

import argparse
import sys
from importlib.metadata import entry_points

from codec.commands.coding import register_decode, register_encode
from codec.commands.inspection import register_info, register_models, register_thin
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
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except (CodecError, OSError) as error:
        print(f"codecd: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("codecd: interrupted", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
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
    register_models(commands)
    for command in sorted(entry_points(group=_COMMAND_GROUP), key=lambda point: point.name):
        command.load()(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
