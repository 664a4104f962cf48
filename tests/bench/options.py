"""The options that all scripts share."""

import argparse
import os
from pathlib import Path

from codec.commands.options import DEFAULT_MODEL, SHIPPED_REPOSITORY


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with `--model`, `--repository` and `--out`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help=f"model name (default {DEFAULT_MODEL})")
    parser.add_argument(
        "--repository",
        type=Path,
        default=SHIPPED_REPOSITORY,
        help="model repository (default: the shipped one)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="append the tables to this file")
    return parser


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add `--workers`, processes of the service per model version."""
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--workers", type=int, default=cores, help="worker processes (default: one per core)")
