"""Options that several commands share."""

import argparse
import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TypeAlias

from codec.errors import InvalidRequestError

SubParsers: TypeAlias = "argparse._SubParsersAction[ArgumentParser]"
"""What the commands are added to; argparse has no public name for it."""

DEFAULT_MODEL = "stream_16k"
DEFAULT_N_Q = 8
SHIPPED_REPOSITORY = Path(__file__).resolve().parents[2] / "models"


def add_command(
    commands: SubParsers, name: str, summary: str, examples: str, description: str | None = None
) -> ArgumentParser:
    """Add a command whose help ends with examples, kept as they are written."""
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_repository(parser: ArgumentParser) -> None:
    """Add `--repository`."""
    parser.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        help="model repository (default: $CODECD_REPOSITORY, else the one that ships with codecd)",
    )


def repository_of(arguments: Namespace) -> Path:
    """The repository that the command was given, or the default one."""
    chosen: Path | None = arguments.repository
    if chosen is not None:
        return chosen
    from_environment = os.environ.get("CODECD_REPOSITORY")
    return Path(from_environment) if from_environment else SHIPPED_REPOSITORY


def add_model(parser: ArgumentParser) -> None:
    """Add `--model` and `--repository`."""
    parser.add_argument(
        "--model",
        metavar="NAME|PATH",
        help=f"name, name@channel, name@version, or the folder of a version (default {DEFAULT_MODEL})",
    )
    add_repository(parser)


def add_overwrite(parser: ArgumentParser) -> None:
    """Add `--force`."""
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")


def refuse_existing(path: Path, force: bool) -> None:
    """Raise `InvalidRequestError` if `path` exists and may not be overwritten."""
    if path.exists() and not force:
        raise InvalidRequestError(f"{path} exists; use --force to overwrite it")
