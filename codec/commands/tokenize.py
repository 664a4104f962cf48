"""`codecd tokenize`: a corpus to shards of tokens."""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import get_args

from codec.bulk.items import find_items
from codec.bulk.job import ShardFormat, Task, settings_for
from codec.bulk.run import Engine, How, Outcome, run_job
from codec.bulk.summary import FAILURES_FILE
from codec.commands.options import (
    DEFAULT_MODEL,
    SubParsers,
    add_command,
    add_model,
    add_rate,
    n_q_of,
    repository_of,
)
from codec.entropy import TABLES_FILE
from codec.errors import InvalidRequestError
from codec.manifest import Manifest
from codec.model_config import CONFIG_FILE, read_model_config
from codec.repository import find_version
from codec.seanet_config import SeanetCodecConfig
from codec.version import read_manifest

_EXAMPLES = """examples:
  codecd tokenize corpus/ --out tokens/                       tar shards in WebDataset's form
  codecd tokenize corpus.csv --out tokens/ --n-q 4            columns: id, path
  codecd tokenize wav.scp --out tokens/ --format parquet      needs pip install 'codecd[bulk]'
  codecd tokenize corpus/ --out tokens/ --processes 16        the default: one for each core
  codecd tokenize corpus/ --out /shared/tokens --engine ray   on a Ray cluster; needs codecd[ray]

Interrupted or killed, the same command goes on; the result is the same, byte for byte. The exit status is 1
if files could not be read; they are in tokens/failures.jsonl, and --retry tries them again.
"""


def register_tokenize(commands: SubParsers) -> None:
    """Add `codecd tokenize`."""
    parser = add_command(commands, "tokenize", "a whole corpus to shards of tokens", _EXAMPLES)
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="a directory, .csv, .jsonl or wav.scp")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="directory of the shards")
    parser.add_argument("--format", choices=get_args(ShardFormat), default="webdataset", help="of the shards")
    parser.add_argument("--shard-items", type=int, default=1000, metavar="N", help="default %(default)s")
    parser.add_argument("--compress", action="store_true", help="entropy-code, by the tables of the model")
    add_rate(parser)
    parser.add_argument("--engine", choices=get_args(Engine), default="local", help="default %(default)s")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="of one thread each (default: one for each core)"
    )
    parser.add_argument("--retry", action="store_true", help="make shards again of which files failed")
    parser.add_argument("--verify", action="store_true", help="read finished shards and compare digests")
    add_model(parser)
    parser.set_defaults(run=_tokenize)


def _tokenize(arguments: Namespace) -> int:
    version = find_version(arguments.model or DEFAULT_MODEL, repository_of(arguments))
    manifest = read_manifest(version)
    _check_model(version, manifest, arguments.compress)
    n_q = n_q_of(arguments, manifest.token_format, manifest.codebooks)
    items = find_items(arguments.corpus)
    settings = settings_for(manifest, items, n_q, arguments.format, arguments.compress, arguments.shard_items)
    processes = len(os.sched_getaffinity(0)) if arguments.processes is None else arguments.processes
    how = How(arguments.engine, processes, arguments.verify, arguments.retry)
    task = Task(version.absolute(), arguments.out.absolute(), settings)
    outcome = run_job(task, items, manifest.sample_rate, how, _note)
    for line in _lines(outcome, manifest.sample_rate, processes):
        print(line)
    if outcome.totals.failures:
        _note(f"{outcome.totals.failures} of {len(items)} files failed: {arguments.out / FAILURES_FILE}")
        return 1
    return 0


def _note(line: str) -> None:
    print(f"codecd: {line}", file=sys.stderr, flush=True)


def _lines(outcome: Outcome, sample_rate: int, processes: int) -> list[str]:
    totals = outcome.totals
    hours, made = (samples / sample_rate / 3600 for samples in (totals.n_samples, outcome.samples))
    lines = [f"{totals.items} files, {hours:.2f} h of audio, in {totals.shards} shards"]
    if outcome.samples:
        speed = made / (outcome.seconds / 3600)
        lines.append(
            f"{made:.2f} h in {outcome.seconds:.0f} s: {speed:.1f} hours/hour, "
            f"{speed / processes:.1f} for each of {processes} processes"
        )
    if totals.truncated:
        lines.append(f"{totals.truncated} files end too early; what is there was coded")
    return lines


def _check_model(version: Path, manifest: Manifest, compress: bool) -> None:
    config = read_model_config(version / CONFIG_FILE)
    if isinstance(config, SeanetCodecConfig) and config.semantic is not None:
        raise InvalidRequestError(f"{manifest.name} needs labels beside audio; use codecd encode --labels")
    if compress and TABLES_FILE not in manifest.files:
        raise InvalidRequestError(f"{manifest.name} has no entropy tables; make them with codecd tables")
