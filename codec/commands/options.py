"""Options that several commands share."""

import argparse
import os
from argparse import ArgumentParser, Namespace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from codec.errors import InvalidRequestError
from codec.tokens import TokenFormat, n_q_for_bitrate

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
    return default_repository() if chosen is None else chosen


def default_repository() -> Path:
    """The repository that `CODECD_REPOSITORY` names, else the one that ships with codecd."""
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


def add_rate(parser: ArgumentParser) -> None:
    """Add `--n-q` and `--bitrate`, of which one may be given."""
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument("--n-q", type=int, metavar="N", help=f"codebooks to use (default {DEFAULT_N_Q})")
    rate.add_argument("--bitrate", type=int, metavar="BPS", help="bits per second, instead of --n-q")


def n_q_of(arguments: Namespace, token_format: TokenFormat, codebooks: int) -> int:
    """The codebooks that the command was asked to use, of so many that the model has.

    Raises `InvalidRequestError` for an n_q or a bitrate that the model does not have.
    """
    if arguments.bitrate is not None:
        return n_q_for_bitrate(Fraction(arguments.bitrate), token_format, codebooks)
    n_q = min(DEFAULT_N_Q, codebooks) if arguments.n_q is None else int(arguments.n_q)
    if not 1 <= n_q <= codebooks:
        raise InvalidRequestError(f"n_q is {n_q}; this model has codebooks 1..{codebooks}")
    return n_q


def refuse_existing(path: Path, force: bool) -> None:
    """Raise `InvalidRequestError` if `path` exists and may not be overwritten."""
    if path.exists() and not force:
        raise InvalidRequestError(f"{path} exists; use --force to overwrite it")
