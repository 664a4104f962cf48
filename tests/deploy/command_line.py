"""Command lines out of manifests, read by the parsers that will read them."""

import argparse

from service.cli import register_serve
from training.cli import register_publish, register_train


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The options of `codecd ARGUMENTS…`; ends the test where the command would end with its usage."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    commands = parser.add_subparsers(required=True)
    for register in (register_serve, register_train, register_publish):
        register(commands)
    try:
        return parser.parse_args(arguments)
    except SystemExit as error:
        raise ValueError(f"codecd does not understand {arguments}") from error
