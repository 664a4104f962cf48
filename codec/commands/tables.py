"""`codecd tables`: entropy-coding tables of a model, counted on recordings and published with it."""

import shutil
import sys
import tempfile
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codec.atomic import replacing
from codec.audio import AUDIO_SUFFIXES
from codec.commands.batch import Pair, Progress, pair_up, work_through
from codec.commands.labels import add_labels, label_source
from codec.commands.options import SubParsers, add_command, add_repository, repository_of
from codec.container import CdcReader
from codec.entropy import TABLES_FILE, EntropyTables, Savings, fit_tables, measure_savings
from codec.errors import InvalidRequestError
from codec.manifest import MANIFEST_NAME, ManifestDraft
from codec.repository import DEFAULT_CHANNEL, Repository, VersionPath
from codec.tokens import Codes

if TYPE_CHECKING:
    from codec.checkpoint import LoadedCodec

_EXAMPLES = """examples:
  codecd tables stream_16k recordings/                  a new version of the model, with tables
  codecd tables stream_16k recordings/ --channel canary
  codecd tables stream_16k recordings/ --out tables.safetensors

Recordings like those to be coded later save most. With stream_16k at 8 codebooks, 11 minutes of speech save
6 % of other speech, 40 minutes 10 %, and 2.5 hours 11 %. All codes counted are held in memory.
"""


def register_tables(commands: SubParsers) -> None:
    """Add `codecd tables`."""
    summary = "count entropy-coding tables for a model: files of fewer bytes, same codes"
    parser = add_command(commands, "tables", summary, _EXAMPLES, summary)
    parser.add_argument("model", metavar="MODEL", help="name, name@channel or name@version")
    parser.add_argument("input", type=Path, metavar="AUDIO_DIR", help="recordings to count codes of")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables there, publish nothing")
    parser.add_argument(
        "--channel", default=DEFAULT_CHANNEL, help="channel to move to the new version (default %(default)s)"
    )
    parser.add_argument(
        "--hold-out",
        type=_every,
        default=10,
        metavar="N",
        help="report what every N-th file saves, and do not count it (default %(default)s)",
    )
    add_labels(parser)
    add_repository(parser)
    parser.set_defaults(run=_tables)


def _every(text: str) -> int:
    value = int(text)
    if value < 2:
        raise ArgumentTypeError("the least is 2: every second file")
    return value


def _tables(arguments: Namespace) -> int:
    import torch

    from codec.checkpoint import open_codec

    torch.set_num_threads(1)
    repository = Repository(repository_of(arguments))
    version = repository.resolve(arguments.model)
    loaded = open_codec(f"{version.model}@{version.version}", repository.root)
    with tempfile.TemporaryDirectory() as folder:
        pairs = pair_up(arguments.input, Path(folder), AUDIO_SUFFIXES, ".cdc", force=False)
        _encode(loaded, pairs, arguments)
        files = [pair.target for pair in pairs if pair.target.exists()]
        held_out = files[:: arguments.hold_out]
        counted = [file for number, file in enumerate(files) if number % arguments.hold_out]
        if not counted:
            raise InvalidRequestError(
                "too few recordings: one is held out, and none is left to count; add some"
            )
        form = loaded.token_format
        tables = fit_tables(list(_blocks(counted)), form.codebook_size)
        savings = measure_savings(tables.coder(), _blocks(held_out), form.bits_per_code)
    for line in _report(savings, form.bits_per_code, len(counted), len(held_out)):
        print(line)
    if savings.share(tables.codebooks) <= 0:
        raise InvalidRequestError(
            "these tables save nothing; count more recordings, or ones like those coded"
        )
    if arguments.out:
        with replacing(arguments.out) as draft:
            tables.save(draft)
        return 0
    published = _publish(repository, version, tables, arguments.channel)
    print(f"published {published.model}@{published.version} as {arguments.channel}")
    return 0


def _encode(loaded: "LoadedCodec", pairs: list[Pair], arguments: Namespace) -> None:
    """Make a `.cdc` file of every recording that can be read; the others are named on standard error."""
    from codec.files import EncodeOptions, encode_file

    config = loaded.codec.config
    options = EncodeOptions(config.quantizer.codebooks, label_source(arguments, config))

    def work(pair: Pair, progress: Progress) -> None:
        encode_file(
            loaded, pair.source, pair.target, options, lambda samples: progress(samples / config.sample_rate)
        )

    if work_through(pairs, "encoding", work):
        print("codecd: going on without the files that failed", file=sys.stderr)


def _blocks(files: Sequence[Path]) -> Iterator[Codes]:
    """Codes as blocks hold them, because each block is coded afresh."""
    for file in files:
        with CdcReader(file) as reader:
            for block in reader:
                yield block.codes


def _report(savings: Savings, bits_per_code: int, n_counted: int, n_held_out: int) -> Iterator[str]:
    yield f"counted {n_counted} files; on the {n_held_out} held out:"
    yield "codebook  bits per code  saved  saved with all before it"
    each = zip(savings.packed_bits, savings.coded_bits, strict=True)
    for n_q, (packed, coded) in enumerate(each, 1):
        share = coded / packed
        bits = f"{bits_per_code * share:.2f} of {bits_per_code}"
        yield f"{n_q:8}  {bits:>13}  {1 - share:5.1%}  {savings.share(n_q):24.1%}"


def _publish(
    repository: Repository, version: VersionPath, tables: EntropyTables, channel: str
) -> VersionPath:
    """Publish the files of a version once more, with the tables: the same model, the same token space."""
    manifest = version.manifest()
    draft = ManifestDraft(**{name: getattr(manifest, name) for name in ManifestDraft.model_fields})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "version"
        shutil.copytree(version.path, folder, ignore=shutil.ignore_patterns(MANIFEST_NAME))
        tables.save(folder / TABLES_FILE)
        return repository.publish(version.model, folder, draft, channel)
