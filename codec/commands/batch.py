"""One file, or every file of a directory mirrored into another, with progress and a list of failures."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from codec.commands.options import refuse_existing
from codec.errors import CodecError, InvalidRequestError

Progress = Callable[[float], object]
"""Told how many more seconds of audio have been dealt with."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A file to read and the file to make of it."""

    source: Path
    target: Path


def pair_up(source: Path, target: Path, suffixes: Iterable[str], new_suffix: str, force: bool) -> list[Pair]:
    """The work of `IN OUT`: the pair itself, or one for each file below a directory.

    Raises `InvalidRequestError` for a missing input, a directory without such files, an output that
    exists or is the input, a file where a directory belongs or the other way round, or two inputs that
    would become the same output.
    """
    if not source.exists():
        raise InvalidRequestError(f"{source} does not exist; give a file or a directory that does")
    if not source.is_dir():
        if target.is_dir():
            raise InvalidRequestError(f"{target} is a directory; name a file for the one that comes out")
        _refuse_itself(source, target)
        refuse_existing(target, force)
        return [Pair(source, target)]
    if target.is_file():
        raise InvalidRequestError(f"{target} is a file; name a directory for those that come out")
    found = files_below(source, suffixes)
    pairs = [Pair(p, (target / p.relative_to(source)).with_suffix(new_suffix)) for p in found]
    first_of: dict[Path, Path] = {}
    for pair in pairs:
        if (other := first_of.setdefault(pair.target, pair.source)) != pair.source:
            raise InvalidRequestError(
                f"{other} and {pair.source} would both become {pair.target}; rename one of them"
            )
        refuse_existing(pair.target, force)
    return pairs


def files_below(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files of a directory, at any depth, with one of the endings. Raises `InvalidRequestError` for none."""
    wanted = frozenset(suffixes)
    found = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in wanted)
    if not found:
        raise InvalidRequestError(f"{folder} holds no file ending in {', '.join(sorted(wanted))}")
    return found


def work_through(pairs: list[Pair], verb: str, work: Callable[[Pair, Progress], None]) -> int:
    """Do `work` for every pair; failures are told and counted, the rest goes on. The exit status: 0 or 1."""
    failed = 0
    with tqdm(desc=verb, unit="s", unit_scale=True, disable=None) as bar:
        for number, pair in enumerate(pairs, 1):
            bar.set_postfix_str(f"{number}/{len(pairs)} {pair.source.name}")
            try:
                pair.target.parent.mkdir(parents=True, exist_ok=True)
                work(pair, bar.update)
            except (CodecError, OSError) as error:
                failed += 1
                bar.write(f"codecd: {pair.source}: {error}", file=sys.stderr)
    if failed and len(pairs) > 1:
        print(f"codecd: {failed} of {len(pairs)} files failed", file=sys.stderr)
    return 1 if failed else 0


def _refuse_itself(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        raise InvalidRequestError(f"{target} is the input itself; name another output")
